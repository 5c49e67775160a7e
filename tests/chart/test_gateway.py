"""The gateway in place of the image's own command: what it is told, and where it finds it."""

import json

import pytest

from chart.rendered import environment, of_kind, only, ours, render, text

FOLDER = "/etc/extension-apiserver"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PETS = {"enabled": True, "upstream": "https://pets:8443"}
TOKEN = {"enabled": True, "audience": "pets"}
GIVEN = {"mode": "secret", "secretName": "given", "caBundle": CA}


def gateway(values=None, **more):
    """Return the objects of a gateway with these values below `gateway`, and `more` at the top."""
    return render({"gateway": PETS | (values or {}), **more})


def told(objects):
    """Return what gateway.json says."""
    [config_map] = of_kind(objects, "ConfigMap")
    return json.loads(config_map["data"]["gateway.json"])


def pod(objects):
    return only(ours(objects), "Deployment")["spec"]["template"]


def files(objects):
    """Return {path in the gateway's container: (Secret or ConfigMap, key)} of the gateway's folder."""
    [volume] = [one for one in pod(objects)["spec"]["volumes"] if one["name"] == "gateway"]
    found = {}
    for source in volume["projected"]["sources"]:
        if "configMap" in source:
            name = source["configMap"]["name"]
            [config_map] = [one for one in of_kind(objects, "ConfigMap") if one["metadata"]["name"] == name]
            found |= {f"{FOLDER}/{key}": (name, key) for key in config_map["data"]}
        else:
            name = source["secret"]["name"]
            found |= {f"{FOLDER}/{item['path']}": (name, item["key"]) for item in source["secret"]["items"]}
    return found


def test_nothing_of_it_is_there_unless_it_is_enabled():
    assert "gateway" not in text()


def test_container_runs_the_gateway_with_the_file_that_is_mounted():
    objects = gateway()
    [container] = pod(objects)["spec"]["containers"]

    assert container["name"] == "backend"
    assert [*container["command"], *container["args"]] == [
        *("python3", "-m", "extension_apiserver", "gateway", "--config"),
        f"{FOLDER}/gateway.json",
    ]
    assert f"{FOLDER}/gateway.json" in files(objects)


def test_its_folder_is_read_only():
    [mount] = [one for one in pod(gateway())["spec"]["containers"][0]["volumeMounts"] if one["name"] == "gateway"]

    assert mount == {"name": "gateway", "mountPath": FOLDER, "readOnly": True}


def test_image_is_that_of_the_chart():
    """Not one that the echo's users wouldn't have."""
    assert pod(gateway())["spec"]["containers"][0]["image"] == pod(render())["spec"]["containers"][0]["image"]


def test_helm_test_starts_the_librarys_selftest():
    """The image's own command would be the echo's."""
    [container] = only(gateway(), "Pod")["spec"]["containers"]

    assert container["command"] == ["python3", "-m", "extension_apiserver"]
    assert container["args"] == ["selftest"]
    assert "EXTENSION_APISERVER_GROUP" in environment(container)


def test_upstream_is_told_with_its_defaults():
    assert told(gateway({"upstream": "http://pets"}))["upstreams"] == [
        {
            "url": "http://pets",
            "prefix": "strip",
            "readinessPath": "",
            "openapiPath": "",
            "limits": {"connections": 128, "connectSeconds": 5, "answerSeconds": 55, "answerBytes": 0},
        }
    ]


def test_further_upstreams_follow_the_first():
    objects = gateway(
        {"upstreams": [{"url": "http://orders", "segment": "orders"}, {"url": "http://old", "version": "v1"}]}
    )

    assert [one["url"] for one in told(objects)["upstreams"]] == ["https://pets:8443", "http://orders", "http://old"]
    assert told(objects)["upstreams"][1:] == [
        {"url": "http://orders", "segment": "orders"},
        {"url": "http://old", "version": "v1"},
    ]


def test_urls_may_be_template_expressions():
    """A parent chart names its Services by its release."""
    url = "http://{{ .Release.Name }}-pets.{{ .Release.Namespace }}.svc"

    assert told(gateway({"upstream": url}))["upstreams"][0]["url"] == "http://header-echo-pets.apps.svc"


def test_a_number_of_bytes_stays_a_whole_number():
    """YAML would print 1.073741824e+09."""
    assert '"answerBytes": 1073741824' in text({"gateway": PETS | {"limits": {"answerBytes": 1 << 30}}})


def test_a_given_ca_is_a_file():
    objects = gateway({"tls": {"ca": CA}})
    path = told(objects)["upstreams"][0]["tls"]["caFile"]

    assert of_kind(objects, "ConfigMap")[0]["data"][files(objects)[path][1]] == CA


def test_secrets_of_each_upstream_are_files_of_its_own():
    tls = {"caSecretName": "their-ca", "clientSecretName": "ours", "serverName": "pets.example.com"}
    other = {"url": "https://orders", "segment": "orders", "tls": {"caSecretName": "other-ca"}}
    objects = gateway({"tls": tls, "upstreams": [other]})
    found = files(objects)
    first, second = (one["tls"] for one in told(objects)["upstreams"])

    assert {key: found[path] for key, path in first.items() if key != "serverName"} == {
        "caFile": ("their-ca", "ca.crt"),
        "certificateFile": ("ours", "tls.crt"),
        "keyFile": ("ours", "tls.key"),
    }
    assert first["serverName"] == "pets.example.com"
    assert {key: found[path] for key, path in second.items()} == {"caFile": ("other-ca", "ca.crt")}


@pytest.mark.parametrize("tls", [{}, {"mode": "certManagerIssuer", "issuerRef": {"name": "given"}}])
def test_cert_manager_makes_the_key_that_signs_tokens(tls):
    """By an issuer of this release in either mode: nobody verifies the certificate, and a company's CA needn't sign it."""
    objects = gateway({"token": TOKEN}, tls=tls)
    [one] = [one for one in of_kind(objects, "Certificate") if one["metadata"]["name"] == "header-echo-gateway-token"]
    [issuer] = [each for each in of_kind(objects, "Issuer") if each["metadata"]["name"].endswith("-self-signed")]

    assert one["spec"]["privateKey"] == {
        "algorithm": "ECDSA",
        "size": 256,
        "encoding": "PKCS8",
        "rotationPolicy": "Always",
    }
    assert one["spec"]["issuerRef"]["name"] == issuer["metadata"]["name"]
    assert files(objects)[told(objects)["token"]["keyFile"]] == (one["spec"]["secretName"], "tls.key")
    assert "secretTemplate" in one["spec"], "NOTES and README find what stays by its labels"


def test_only_a_token_makes_cert_manager_make_a_key():
    """Neither a gateway without one, nor a token whose key is given."""
    for objects in (gateway(), gateway({"token": TOKEN | {"secretName": "mine"}})):
        assert [one for one in of_kind(objects, "Certificate") if "token" in one["metadata"]["name"]] == []


def test_a_given_key_is_used_in_any_mode():
    for tls in ({}, GIVEN):
        objects = gateway({"token": TOKEN | {"secretName": "mine"}}, tls=tls)

        assert files(objects)[told(objects)["token"]["keyFile"]] == ("mine", "tls.key")


def test_issuer_of_tokens_is_the_service_unless_the_values_say_another():
    assert told(gateway({"token": TOKEN}))["token"]["issuer"] == "https://header-echo.apps.svc"
    assert told(gateway({"token": TOKEN | {"issuer": "us"}}))["token"]["issuer"] == "us"
    assert "token" not in told(gateway())


def test_a_header_that_shall_not_be_sent_is_told():
    """Left out, it would be the gateway's default."""
    assert told(gateway({"identity": {"groupHeader": ""}}))["identity"]["groupHeader"] == ""


def annotations(*arguments, **more):
    return pod(gateway(*arguments, **more))["metadata"]["annotations"]


def test_a_changed_configuration_rolls_out():
    """The gateway reads it once; what changes nothing of it restarts nothing."""
    before = annotations()

    assert before != annotations({"readinessPath": "/healthz"})
    assert before != annotations({"tls": {"ca": CA}})
    assert before == annotations(service={"annotations": {"a": "b"}}, commonLabels={"example.com/a": "b"})


def test_annotations_of_the_values_stand_beside_the_checksum():
    assert {"checksum/gateway", "a"} == set(annotations(podAnnotations={"a": "b"}))


def test_containers_of_the_values_stand_beside_the_gateway():
    objects = render(configuration="gateway-sidecar")

    assert [one["name"] for one in pod(objects)["spec"]["containers"]] == ["backend", "pets"]


def test_socket_of_a_sidecar_lies_where_both_mount_one_volume():
    objects = render(configuration="gateway-sidecar")
    folder = told(objects)["upstreams"][0]["url"].removeprefix("unix://").rpartition("/")[0]
    mounted = {
        mount["name"]
        for container in pod(objects)["spec"]["containers"]
        for mount in container["volumeMounts"]
        if mount["mountPath"] == folder
    }
    counted = [
        container["name"]
        for container in pod(objects)["spec"]["containers"]
        if folder in {mount["mountPath"] for mount in container["volumeMounts"]}
    ]

    assert (len(mounted), counted) == (1, ["backend", "pets"])


@pytest.mark.parametrize("configuration", ["gateway", "gateway-sidecar"])
def test_no_secret_is_in_the_config_map(configuration):
    """Secrets are named in the pod alone: whoever may read ConfigMaps learns neither their names nor what is in them."""
    values = {"gateway": {"token": TOKEN | {"secretName": "secret-key"}}}
    if configuration == "gateway":
        tls = {"ca": CA, "clientSecretName": "secret-pair"}
        values["gateway"] |= {"upstream": "https://pets", "tls": tls}
    objects = render(values, configuration=configuration)
    [config_map] = of_kind(objects, "ConfigMap")

    assert [name for name, _ in files(objects).values() if name.startswith("secret-")]
    assert [key for key, value in config_map["data"].items() if "PRIVATE KEY" in value or "secret-" in value] == []


def rules(role, values, **more):
    [found] = [
        one for one in of_kind(gateway(values, **more), "ClusterRole") if one["metadata"]["name"].endswith(f":{role}")
    ]
    verbs = {}
    for rule in found["rules"]:
        for resource in rule["resources"]:
            verbs[resource] = verbs.get(resource, []) + rule["verbs"]
    return verbs


PET = {"kind": "Pet", "list": {"path": "/pets"}, "fields": {"name": "id"}}
WRITTEN = PET | {
    "kind": "Fish",
    "plural": "fish",
    "create": {"path": "/fish"},
    "delete": {"path": "/fish/{name}"},
}


def test_view_and_edit_have_what_the_mapping_can_do():
    """And no `echoes`."""
    values = {"values": {"resources": [PET, WRITTEN]}}

    assert rules("view", **values) == {"pets": ["get", "list"], "fish": ["get", "list"]}
    assert rules("edit", **values) == {"fish": ["create", "delete"]}


def test_access_rows_with_a_verb_of_kubernetes_are_in_view_or_edit():
    """One's own verb is in neither, as Kubernetes' edit has no `approve`."""
    rows = [("get", "pets/visits"), ("create", "pets/visits"), ("patch", "pets"), ("approve", "pets")]
    access = [{"path": "/pets/**", "resource": resource, "verb": verb} for verb, resource in rows]
    values = {"values": {"resources": [PET], "access": access}, "delegation": {"authorization": True}}

    assert rules("view", **values) == {"pets": ["get", "list"], "pets/visits": ["get"]}
    assert rules("edit", **values) == {"pets": ["patch"], "pets/visits": ["create"]}


def test_resources_of_the_values_join_those_of_the_mapping():
    values = {"values": {"resources": [PET]}, "userRoles": {"resources": ["vets"], "editVerbs": ["update"]}}

    assert rules("view", **values) == {"vets": ["get", "list"], "pets": ["get", "list"]}
    assert rules("edit", **values) == {"vets": ["update"]}


def test_there_is_no_role_without_a_rule():
    names = {one["metadata"]["name"].rpartition(":")[2] for one in of_kind(gateway(), "ClusterRole")}

    assert names == {"test"}


def test_helm_test_may_do_what_people_may():
    assert rules("test", {"resources": [PET, WRITTEN]})["fish"] == ["get", "list", "create", "delete"]
