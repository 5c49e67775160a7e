"""README, schema and Chart.yaml say what values.yaml and the templates say."""

import json
import re
import shutil
import sys

import pytest
import yaml

from chart.configurations import CONFIGURATIONS
from chart.rendered import environment, of_kind, only, render, template
from chart_docs import first_sentence
from pytest_apiservice.base.run import run
from pytest_apiservice.client.helm import CHART
from pytest_apiservice.programs.tools import tool

CHART_YAML = yaml.safe_load((CHART / "Chart.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
README = (CHART / "README.md").read_text()


def test_generated_text_is_up_to_date():
    """The table in README.md and the schema's descriptions are those of values.yaml."""
    run([sys.executable, CHART.parent / "ci" / "docs" / "chart_docs.py", "--check"], timeout_seconds=30)


def leaves(schema, values, path=""):
    """Yield (path, schema) of every value that isn't only a group of others."""
    for key, inner in schema["properties"].items():
        if "properties" in inner:
            yield from leaves(inner, values.get(key, {}), f"{path}{key}.")
        else:
            yield f"{path}{key}", inner


def test_schema_and_values_have_the_same_keys():
    """Only `global` and `enabled`, a parent chart's, are in the schema alone."""

    def keys(schema, values, path=""):
        yield from (
            (f"{path}{key}", key in schema.get("properties", {}), key in values)
            for key in {*schema.get("properties", {}), *values}
        )
        for key, inner in schema.get("properties", {}).items():
            if "properties" in inner:
                yield from keys(inner, values.get(key, {}), f"{path}{key}.")

    assert {"global", "enabled"} == {
        path for path, in_schema, in_values in keys(SCHEMA, VALUES) if in_schema != in_values
    }


def test_every_value_is_described():
    """With a sentence."""
    bare = [path for path, schema in leaves(SCHEMA, VALUES) if not schema.get("description", "").endswith(".")]

    assert bare == []


def test_schema_is_strict():
    """Every group of values refuses unknown keys."""

    def groups(schema, path):
        if "properties" in schema:
            yield path, schema.get("additionalProperties")
            for key, inner in schema["properties"].items():
                yield from groups(inner, f"{path}.{key}")

    assert [path for path, additional in groups(SCHEMA, "values") if additional is not False] == []


def test_chart_works_below_a_parent_chart(tmp_path):
    """A parent passes `global` and often `enabled`: https://github.com/cert-manager/cert-manager/issues/7329."""
    parent = tmp_path / "umbrella"
    shutil.copytree(CHART, parent / "charts" / "header-echo")
    dependency = {"name": "header-echo", "version": CHART_YAML["version"], "condition": "header-echo.enabled"}
    (parent / "Chart.yaml").write_text(
        json.dumps({"apiVersion": "v2", "name": "umbrella", "version": "1.0.0", "dependencies": [dependency]})
    )
    values = {
        "global": {"imageRegistry": "registry.example.com", "cats": 9},
        "header-echo": {"enabled": True, "replicas": 1},
    }
    objects = [one for one in yaml.safe_load_all(template(json.dumps(values), chart=parent, release="zoo")) if one]

    assert only(objects, "Deployment")["metadata"]["name"] == "zoo-header-echo"
    values["header-echo"]["enabled"] = False
    assert template(json.dumps(values), chart=parent, release="zoo").strip() == ""


def section(heading):
    """Return the part of README.md below a heading of the second level."""
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_readme_explains_every_tls_mode_and_no_other():
    """In its table, in the schema's order."""
    modes = re.findall(r"^\| `(\w+)` \|", section("TLS modes"), re.MULTILINE)

    assert SCHEMA["properties"]["tls"]["properties"]["mode"]["enum"] == modes


def test_readme_has_the_headings_that_people_search_for():
    """Also those of the table of values."""
    assert [word for word in ("RBAC", "Monitoring", "Upgrades", "Uninstall") if f"\n## {word}\n" not in README] == []
    assert "\n### Monitoring\n" in section("Values")


def test_table_of_values_has_one_sentence_for_each():
    """Who reads on finds the rest in values.yaml, and an editor shows it."""
    assert first_sentence("For trials, e.g. `1`. Else 2.") == "For trials, e.g. `1`."
    meanings = [row.rsplit(" | ", 1)[1] for row in section("Values").splitlines() if row.startswith("| `")]
    assert [meaning for meaning in meanings if re.search(r"(?<!e\.g)\. ", meaning.removesuffix(" |"))] == []


BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1].strip())
def test_values_that_the_readme_shows_can_be_rendered(block):
    """As they stand there."""
    assert of_kind(render(yaml.safe_load(block)), "APIService")


def test_what_the_readme_shows_for_k8s_io_apiserver_is_in_the_example_that_runs():
    """tests/embedded installs examples/sample-apiserver-values.yaml; only its etcd is elsewhere."""
    [shown] = [yaml.safe_load(block) for block in BLOCKS if "--secure-port" in block]
    example = yaml.safe_load((CHART.parent / "examples" / "sample-apiserver-values.yaml").read_text())
    own = ("command", "args", "delegation", "shutdown", "test", "userRoles")

    def started(values):
        container = only(render({key: values[key] for key in own if key in values}), "Deployment")["spec"]["template"][
            "spec"
        ]["containers"][0]
        told = environment(container)
        words = [re.sub(r"\$\((\w+)\)", lambda match: str(told[match[1]]), word) for word in container["args"]]
        return {word for word in words if not word.startswith("--etcd")}

    assert started(shown) <= started(example)
    assert all(shown[key] == example[key] for key in own if key in shown and key != "args")


def test_secret_that_the_readme_names_is_the_one_that_is_made():
    """`<fullname>-serving`, also where the full name isn't the release's."""
    objects = render({"backend": {"create": False, "service": {"name": "cats"}}}, release="zoo")
    made = {one["spec"]["secretName"] for one in of_kind(objects, "Certificate")}

    assert "`<fullname>-serving`" in section("Your own backend")
    assert "zoo-header-echo-serving" in made


def test_every_tls_mode_has_a_configuration_that_is_tested():
    """chart/ci is the list of what is supported."""
    modes = {
        (yaml.safe_load(path.read_text()) or {}).get("tls", {}).get("mode", "certManager")
        for path in CONFIGURATIONS.values()
    }

    assert set(SCHEMA["properties"]["tls"]["properties"]["mode"]["enum"]) == modes


def test_every_configuration_says_what_it_is_for():
    """In its first line."""
    assert [name for name, path in CONFIGURATIONS.items() if not path.read_text().startswith("# ")] == []


def test_readme_has_the_rescue_command_and_leads_to_the_reasons():
    """For the day when namespaces hang. Reasons stand in one place, where a test compares them with those that the backend knows."""
    assert "    kubectl delete apiservice v1.cats.example.com" in section("Uninstall")
    assert "(../docs/troubleshooting.md)" in section("When it isn't Available")


def test_readme_names_what_no_chart_can_mend():
    """A proxy before kube-apiserver, a mesh around the pods, an autoscaler that would add nothing, an owner who has to change."""
    words = ["NO_PROXY", "mesh", "autoscaler", "--take-ownership"]

    assert [word for word in words if word not in README.partition("## Values")[0]] == []


def test_readme_table_of_rights_is_complete():
    """Every role that the chart binds or makes is named there."""
    objects = render(configuration="locked-down")
    bound = {
        one["roleRef"]["name"]
        for one in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        if not one["roleRef"]["name"].startswith("apps:")
    }

    assert {"extension-apiserver-authentication-reader", "system:auth-delegator"} == bound
    assert [name for name in bound if f"`{name}`" not in README] == []


def test_readme_names_values_that_exist():
    """`a.b.c` in backquotes, where it looks like a value."""
    known = set()

    def collect(value, path):
        known.add(path)
        if isinstance(value, dict):
            for key, inner in value.items():
                collect(inner, f"{path}.{key}" if path else key)

    collect(VALUES, "")
    named = {
        match[1]
        for match in re.finditer(
            r"`(?:--set )?([a-z][A-Za-z]+(?:\.[a-z][A-Za-z]+)+)(?:=[^`]*)?`", README.partition("## Values")[0]
        )
    }

    assert set() == {name for name in named if name.split(".")[0] in VALUES} - known


def test_chart_version_is_semantic_and_has_a_changelog_for_artifact_hub():
    """https://artifacthub.io/docs/topics/annotations/helm/."""
    annotations = CHART_YAML["annotations"]

    assert re.fullmatch(r"\d+\.\d+\.\d+", CHART_YAML["version"])
    assert annotations["artifacthub.io/license"] == "Apache-2.0"
    assert all({"kind", "description"} == set(entry) for entry in yaml.safe_load(annotations["artifacthub.io/changes"]))


def test_helm_lint_is_content():
    """Strictly: a warning counts."""
    run([tool("helm"), "lint", CHART, "--strict", "--kube-version=1.37.0"], timeout_seconds=30)
