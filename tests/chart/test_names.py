"""Names fit, and releases never meet."""

import re

import pytest
import yaml

from chart.rendered import leaves, of_kind, render, text, title

CLUSTER_SCOPED = {"APIService", "ClusterRole", "ClusterRoleBinding", "FlowSchema", "PriorityLevelConfiguration"}


class EveryYaml(yaml.SafeLoader):
    """Takes for something else than text what any parser does: PyYAML reads YAML 1.1 and wants a dot in a float, Go's doesn't."""


class NotText:
    """What a parser makes of a word that looks like a number or a truth value."""


NUMBERS_AND_TRUTHS = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0[xXbBoO][0-9a-fA-F]+|[yYnN]"
EveryYaml.add_implicit_resolver("!not-text", re.compile(f"^({NUMBERS_AND_TRUTHS})$"), None)
EveryYaml.add_constructor("!not-text", lambda _loader, _node: NotText())


def identity(one):
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def names(objects):
    """All but the APIServices': their name is <version>.<group> by decree."""
    return [one for one in objects if one["kind"] != "APIService"]


def test_names_have_at_most_63_characters(objects):
    """Longer ones don't fit into labels and DNS names."""
    long = [
        (title(one), len(one["metadata"]["name"]) - 63) for one in names(objects) if len(one["metadata"]["name"]) > 63
    ]

    assert long == []


@pytest.mark.parametrize("release", ["r", "a.b.c", "x" * 53, "header-echo", "cats-header-echo-two"])
def test_any_release_name_makes_a_service_name(release):
    """Release names may have dots and 53 characters; a Service is a DNS label."""
    objects = render(release=release, namespace="n" * 63)
    service = of_kind(objects, "Service")[0]["metadata"]["name"]

    assert len(service) <= 63
    assert "." not in service
    assert len({identity(one) for one in objects}) == len(objects)
    assert all(len(one["metadata"]["name"]) <= 63 for one in names(objects))


def test_names_are_unique_within_a_release(objects):
    """No object overwrites another."""
    found = [identity(one) for one in objects]

    assert sorted(set(found), key=str) == sorted(found, key=str)


def test_two_releases_in_two_namespaces_share_nothing():
    """Except what they register: give each a group of its own."""
    one = render({"apiService": {"group": "one.example.com"}}, configuration="locked-down", namespace="one")
    two = render({"apiService": {"group": "two.example.com"}}, configuration="locked-down", namespace="two")

    assert set() == {identity(obj) for obj in one} & {identity(obj) for obj in two}


def other_than_text(values=None, **options):
    """Return {(kind, path)} of all leaves that aren't strings."""
    objects = [one for one in yaml.load_all(text(values, **options), EveryYaml) if one]
    return {(one["kind"], path) for one in objects for path, leaf in leaves(one) if not isinstance(leaf, str)}


@pytest.mark.parametrize(
    ("release", "namespace", "word"), [("12e4567", "1234567", "y"), ("2024-01-01", "0x1f", "null")]
)
def test_names_stay_text_whatever_they_look_like(configuration, release, namespace, word):
    """`-n 1234567` is legal; unquoted it would reach the cluster as a number, which no name may be."""
    values = {
        "fullnameOverride": word,
        "nameOverride": namespace,
        "apiService": {"group": "1.2", "versions": [{"name": word}]},
        "serviceAccount": {"name": word},
        "priorityClassName": release,
    }
    expected = other_than_text(configuration=configuration)

    assert other_than_text(values, configuration=configuration, release=release, namespace=namespace) == expected


def test_two_long_names_stay_two():
    """What is cut off is replaced by a hash of the whole."""
    one, two = (
        {
            identity(obj)
            for obj in render(release="y" * 50 + end, configuration="anonymous")
            if obj["kind"] != "APIService"
        }
        for end in ("one", "two")
    )

    assert set() == one & two


def test_cluster_scoped_names_carry_the_namespace(objects):
    """Else the same release name in another namespace would collide."""
    found = [one for one in of_kind(objects, *CLUSTER_SCOPED) if one["kind"] != "APIService"]

    assert [title(one) for one in found if not one["metadata"]["name"].startswith("apps")] == []


def test_namespaced_objects_name_their_namespace(objects):
    """So that `helm template | kubectl apply` lands where helm would put it."""
    homeless = [
        title(one) for one in objects if one["kind"] not in CLUSTER_SCOPED and "namespace" not in one["metadata"]
    ]

    assert homeless == []
