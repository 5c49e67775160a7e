"""A user's own backend, examples/zoo.py and the README's twelve lines, installed with the same chart beside the header echo."""

import json
import re
from contextlib import contextmanager

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART, Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.embedded.node.images import of_this_python
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("embedded", reason="its image is the user's to build; here its command stands for it")

GROUP = "zoo.example.com"


@contextmanager
def installed(cluster, base_values, name, program, group, *resources):
    """Yield the API of the Python file ``program`` and its release, served."""
    cluster.load_image(f"{name}:1", of_this_python(str(program)))
    values = {
        **base_values,
        "image.repository": name,
        "image.tag": "1",
        "apiService.group": group,
        "userRoles.resources": resources,
        "replicas": 1,  # what it holds lives in its memory
    }
    with fresh_namespace(cluster, f"header-echo-{name}") as namespace:
        helm = Helm(cluster, namespace, explain=explain_pods)
        helm.upgrade(values)
        api = Api(cluster, group)
        api.wait_for_available()
        api.wait_until_answered(api.path)
        yield api, helm
        helm.uninstall()


@pytest.fixture(scope="module")
def zoo(cluster, cert_manager, base_values):
    """The example's API, served."""
    with installed(cluster, base_values, "zoo", CHART.parent / "examples" / "zoo.py", GROUP, "animals") as both:
        yield both


def listed(kubectl, resource):
    """Return the words that `kubectl get` prints, as soon as discovery knows the resource."""

    def words():
        answer = kubectl("get", resource, check=False)
        if answer.returncode != 0:
            raise NotYet(answer.stderr.strip())
        return answer.stdout.split()

    return wait_for(f"discovery to list {resource}", words, timeout_seconds=120)


def test_its_objects_are_listed_and_created(zoo, kubectl):
    """Animals are to kubectl what anything is."""
    rex = {"apiVersion": f"{GROUP}/v1", "kind": "Animal", "metadata": {"name": "rex"}, "spec": {"species": "dog"}}

    assert listed(kubectl, "animals")[:4] == ["NAME", "SPECIES", "leo", "lion"]
    kubectl("create", "-f", "-", input=json.dumps(rex))
    assert kubectl.get("animal", "rex")["spec"] == {"species": "dog"}
    twice = kubectl("create", "-f", "-", input=json.dumps(rex), check=False)
    assert "AlreadyExists" in twice.stderr


def test_its_own_path_knows_the_visitor(zoo):
    """What is no resource is Flask's, with the verified user."""
    api, _ = zoo

    assert api.get(f"{api.path}/opening-hours").json()["visitor"] == "kubernetes-admin"


def test_it_passes_the_test_of_the_chart(zoo):
    """`helm test` runs the example's `selftest`, which it has from the library."""
    _, helm = zoo
    printed = helm.test()

    assert "[+] a direct call with a forged X-Remote-User is refused with 401" in printed, printed


def test_the_twelve_lines_of_the_readme_are_served(cluster, cert_manager, base_values, kubectl, tmp_path):
    """A resource that kubectl lists, and a path that knows the caller."""
    (lines,) = re.findall(r"^# cats\.py\n(.*?)^```", (CHART.parent / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "cats.py").write_text(lines)
    with installed(cluster, base_values, "cats", tmp_path / "cats.py", "twelve.example.com", "cats") as (api, _):
        assert listed(kubectl, "cats") == ["NAME", "tom"]
        assert kubectl("get", "--raw", f"{api.path}/hello").stdout == "hello kubernetes-admin\n"
