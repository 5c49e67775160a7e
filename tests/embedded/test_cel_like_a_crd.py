"""Rules in CEL do to an object what they do on a CustomResourceDefinition of kube-apiserver, word by word.

Each rule is about a field of its own, so that one definition has all of them.
"""

import copy

import pytest

from embedded.cel_cases import CASES, OBJECT_CASES, REFUSED, schema_of, schema_of_object
from embedded.crd_twin import Twins, await_definition, definition
from extension_apiserver.objects.schema.reading import structural
from pytest_apiservice.client.api import Api

pytestmark = pytest.mark.only_on("embedded", reason="it asks a control plane of its own for each of many objects")

GROUP = "rules.example.com"


@pytest.fixture(scope="module")
def api(cluster):
    """Return the API of the control plane."""
    return Api(cluster)


@pytest.fixture(scope="module")
def twins(api):
    """Yield a CRD and our functions, of one schema with all the rules."""
    schema = schema_of(CASES)
    await_definition(api, schema, GROUP)
    return Twins(api, schema, GROUP)


def twin(name, spec):
    return {"apiVersion": f"{GROUP}/v1", "kind": "Twin", "metadata": {"name": name}, "spec": spec}


def sent(twins, name, spec):
    def changed(side):
        value = copy.deepcopy(twins.current(name)(side))
        value["spec"] = spec
        return value

    return changed


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{n} {case.rule}" for n, case in enumerate(CASES)])
def test_a_rule_says_of_a_value_what_kube_apiserver_says(twins, number):
    case, field = CASES[number], f"f{number}"
    for index, value in enumerate(case.values):
        theirs, ours = twins.send("POST", "", twin(f"new-{number}-{index}", {field: value}), dryRun="All")
        assert theirs == ours, value
    for index, (old, new) in enumerate(case.changes):
        name = f"changed-{number}-{index}"
        made = twins.send("POST", "", twin(name, {field: old}))
        assert made[0]["code"] == 201, made[0]
        theirs, ours = twins.send("PUT", f"/{name}", sent(twins, name, {field: new}))
        assert theirs == ours, (old, new)


@pytest.mark.parametrize("source", REFUSED, ids=[f"{n} {one.rule}" for n, one in enumerate(REFUSED)])
def test_a_rule_that_kube_apiserver_refuses_is_refused_at_start(api, source):
    schema = schema_of([source])
    answer = api.session().post(
        f"{api.server}/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All",
        json=definition(schema, "refused.example.com"),
        timeout=30,
    )
    assert answer.status_code == 422, answer.text
    with pytest.raises(ValueError, match=r"x-kubernetes-validations"):
        structural(schema)


@pytest.mark.parametrize("case", OBJECT_CASES)
def test_the_rules_of_a_whole_object(api, case):
    """Rules at the root see metadata.name, and a change of the status is checked by all of them."""
    schema, group = schema_of_object(case), f"root-{OBJECT_CASES.index(case)}.example.com"
    await_definition(api, schema, group)
    twins = Twins(api, schema, group)
    for path, value in case["writes"]:
        body = {"apiVersion": f"{group}/v1", "kind": "Twin", "metadata": {"name": "a"}, **value}
        method = "PUT" if path else "POST"

        def changed(side, value=value, twins=twins):
            return {**copy.deepcopy(twins.current("a")(side)), **value}

        theirs, ours = twins.send(method, path, changed if path else body)
        assert theirs == ours, (path, value)
