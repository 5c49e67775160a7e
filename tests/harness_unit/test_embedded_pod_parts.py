"""What the embedded cluster makes of a pod spec, part by part, as kubelet would."""

import base64
import os
import socket
import threading
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.embedded.node.claims import Claims
from pytest_apiservice.embedded.node.images import LocalImage, local_image
from pytest_apiservice.embedded.node.ports import taken_port
from pytest_apiservice.embedded.pod.environment import Mounts, command_line, environment, expand
from pytest_apiservice.embedded.pod.references import Missing, Node, container_resource, parse_quantity, pod_field
from pytest_apiservice.embedded.pod.refusals import refusals, unseen_paths
from pytest_apiservice.embedded.pod.volumes import publish
from pytest_apiservice.images.archive import short_name

POD = {
    "metadata": {"name": "echo-1", "namespace": "cats", "uid": "u-1", "labels": {"app": "echo"}},
    "spec": {"serviceAccountName": "echo", "containers": []},
}
IMAGE = LocalImage(("python", "-m", "header_echo"), {"PYTHONUNBUFFERED": "1"})


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def node(tmp_path):
    """Yield a node that knows one ConfigMap and one Secret; nothing of it runs."""
    config_map = {"data": {"level": "debug", "greeting": "hi"}}
    secret = {"data": {"password": encoded("s3cret")}}
    network = SimpleNamespace(node_ip="10.1.2.1", local_address=lambda ip: ip.replace("10.", "127.", 1))
    stores = [SimpleNamespace(objects={("cats", "c"): config_map}), SimpleNamespace(objects={("cats", "s"): secret})]
    return Node(None, network, tmp_path, 6443, *stores, Claims(None, tmp_path / "claims"))


def variables(node, *entries, **container):
    spec = {"name": "backend", "image": "x", "env": list(entries), **container}
    return environment(node, POD, spec, IMAGE, Mounts({}), "127.1.2.9")


def test_a_value_may_use_variables_defined_before_it(node):
    found = variables(node, {"name": "A", "value": "a"}, {"name": "B", "value": "$(A)b $(C) $$(A)"}, {"name": "C"})
    assert found["B"] == "ab $(C) $(A)"


def test_the_downward_api_names_the_pod_and_where_it_can_listen(node):
    paths = ("metadata.name", "metadata.labels['app']", "status.podIP", "spec.nodeName", "spec.serviceAccountName")
    entries = [{"name": f"F{i}", "valueFrom": {"fieldRef": {"fieldPath": path}}} for i, path in enumerate(paths)]
    found = variables(node, *entries)
    assert [found[f"F{i}"] for i in range(len(paths))] == ["echo-1", "echo", "127.1.2.9", "embedded", "echo"]


def test_keys_of_config_maps_and_secrets_become_variables(node):
    found = variables(
        node,
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "level"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "k", "optional": True}}},
        envFrom=[{"prefix": "C_", "configMapRef": {"name": "c"}}],
    )
    assert {"LEVEL": "debug", "PASSWORD": "s3cret", "C_greeting": "hi"}.items() <= found.items()
    assert "NONE" not in found


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"secretKeyRef": {"name": "absent", "key": "k"}}, 'Secret "cats/absent" not found'),
        ({"configMapKeyRef": {"name": "c", "key": "k"}}, 'ConfigMap "cats/c" has no key "k"'),
        ({"fileKeyRef": {"path": "p"}}, "does not know valueFrom.fileKeyRef"),
    ],
)
def test_what_is_missing_is_named(node, reference, message):
    with pytest.raises(Missing, match=message):
        variables(node, {"name": "V", "valueFrom": reference})


def test_nothing_of_this_process_leaks_into_the_container(node, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    assert "AWS_SECRET_ACCESS_KEY" not in variables(node)


def test_paths_below_a_mount_move_to_its_folder(tmp_path):
    mounts = Mounts({"/var/run/tls": tmp_path / "tls", "/var/run/tls/ca": tmp_path / "ca"})
    assert mounts.rewrite("/var/run/tls/tls.crt") == f"{tmp_path}/tls/tls.crt"
    assert mounts.rewrite("/var/run/tls/ca/x") == f"{tmp_path}/ca/x"
    assert mounts.rewrite("--dir=/var/run/tls") == f"--dir={tmp_path}/tls"
    assert mounts.rewrite("sqlite:////var/run/tls/db") == f"sqlite:///{tmp_path}/tls/db"
    assert mounts.rewrite("https://host/var/run/tls") == "https://host/var/run/tls"
    assert mounts.rewrite("/var/run/tlsx /usr/var/run/tls") == "/var/run/tlsx /usr/var/run/tls"


def test_command_replaces_the_entrypoint_and_args_follow(tmp_path):
    mounts = Mounts({"/data": tmp_path})
    assert command_line({"args": ["serve", "$(X)"]}, IMAGE, {"X": "1"}, mounts) == [
        "python",
        "-m",
        "header_echo",
        "serve",
        "1",
    ]
    assert command_line({"command": ["cat", "/data/f"]}, IMAGE, {}, mounts) == ["cat", f"{tmp_path}/f"]


@given(st.text(alphabet="ab$)", max_size=20))
def test_text_without_variables_only_has_its_dollars_halved(text):
    assert expand(text, {}) == text.replace("$$", "\0").replace("\0", "$")


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", "0.25"), ("64Mi", "67108864"), ("1e3", "1000"), ("2", "2"), ("1.5Gi", "1610612736"), ("3k", "3000")],
)
def test_quantities_have_their_value(text, value):
    assert parse_quantity(text) == Decimal(value)


def test_a_resource_field_is_counted_in_its_divisor_rounded_up():
    container = {"resources": {"limits": {"memory": "129Mi", "cpu": "250m"}}}
    assert container_resource(container, {"resource": "limits.memory", "divisor": "64Mi"}) == "3"
    assert container_resource(container, {"resource": "limits.cpu"}) == "1"
    assert container_resource({}, {"resource": "limits.cpu"}) == str(os.cpu_count())


def test_an_unknown_field_is_refused():
    with pytest.raises(Missing, match=r"no field spec\.hostname"):
        pod_field(POD, "spec.hostname", addresses={})


@pytest.mark.parametrize(
    "image",
    [
        "header-echo:local",
        "header-echo",
        "localhost:5000/header-echo:1",
        "r.example.com/team/header-echo@sha256:0123",
        "a/b/header-echo",
    ],
)
def test_an_image_is_known_by_the_last_part_of_its_repository(image):
    assert short_name(image) == "header-echo"


def test_an_image_nobody_mapped_says_how_to_map_it():
    with pytest.raises(HarnessError, match=r"no local command for the image 'nginx:1'.*EmbeddedCluster\(images="):
        local_image("nginx:1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hostNetwork": True}, "spec.hostNetwork is not supported"),
        ({"nodeSelector": {"disk": "ssd"}}, "asks for disk=ssd"),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "volume host: hostPath is not supported"),
        (
            {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}]},
            "container c: privileged",
        ),
        ({"containers": [{"name": "c", "image": "x", "livenessProbe": {"grpc": {"port": 1}}}]}, "livenessProbe grpc"),
        ({"containers": [{"name": "c", "image": "nobody:1"}]}, 'image "nobody:1" has no local command'),
        (
            {"initContainers": [{"name": "i", "image": "x", "restartPolicy": "Always"}]},
            "init container i: restartPolicy",
        ),
    ],
)
def test_what_a_process_cannot_be_is_refused_by_name(change, words):
    pod = {"spec": {"containers": [{"name": "c", "image": "x"}], **change}}
    assert any(words in message for _, message in refusals(pod, {"x": IMAGE})), refusals(pod, {"x": IMAGE})


def test_an_ordinary_pod_is_not_refused():
    probe = {"httpGet": {"port": 1}, "periodSeconds": 3}
    container = {
        "name": "c",
        "image": "x",
        "readinessProbe": probe,
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
    }
    volumes = [
        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"name": "e", "emptyDir": {}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
    ]
    assert refusals({"spec": {"containers": [container], "volumes": volumes}}, {"x": IMAGE}) == []


def claim(phase, name="c"):
    return {"metadata": {"name": name, "namespace": "cats", "uid": f"uid-{name}"}, "status": {"phase": phase}}


def test_a_bound_claim_is_one_folder_for_all_pods(node):
    node.claims.store.objects["cats", "c"] = claim("Bound")
    (node.claimed("cats", "c") / "x").touch()
    assert [entry.name for entry in node.claimed("cats", "c").iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("name", "words"), [("c", "is not bound: those of storageClassName 'standard'"), ("d", "not found")]
)
def test_a_claim_that_has_no_folder_says_why(node, name, words):
    node.claims.store.objects["cats", "c"] = claim("Pending")
    with pytest.raises(Missing, match=words):
        node.claimed("cats", name)


def test_a_volume_follows_what_was_published(tmp_path):
    publish(tmp_path, {"a": (b"1", 0o644), "deep/b": (b"2", 0o600)})
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "deep/b").read_bytes()) == (b"1", b"2")
    assert (tmp_path / "deep/b").stat().st_mode & 0o777 == 0o600
    publish(tmp_path, {"a": (b"3", 0o644)})
    assert (tmp_path / "a").read_bytes() == b"3"
    assert sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("..")) == ["a"]


def test_the_same_content_is_not_published_again(tmp_path):
    publish(tmp_path, {"a": (b"1", 0o644)})
    before = (tmp_path / "..data").readlink()
    publish(tmp_path, {"a": (b"1", 0o644)})
    assert (tmp_path / "..data").readlink() == before


def test_a_reader_of_one_switch_never_sees_half_an_update(tmp_path):
    """Whoever holds the folder behind ..data sees a certificate and its key of the same version."""
    publish(tmp_path, {"crt": (b"0", 0o644), "key": (b"0", 0o644)})
    done = threading.Event()
    mixed = []

    def read():
        while not done.is_set():
            folder = (tmp_path / "..data").resolve()
            try:
                pair = (folder / "crt").read_bytes(), (folder / "key").read_bytes()
            except FileNotFoundError:  # switched meanwhile
                continue
            if pair[0] != pair[1]:
                mixed.append(pair)

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(200):
        publish(tmp_path, {"crt": (b"%d" % version, 0o644), "key": (b"%d" % version, 0o644)})
    done.set()
    reader.join()
    assert mixed == []


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_who_holds_a_port_is_named_by_address_process_and_pod(family, host):
    with socket.create_server((host, 0), family=family) as listening:
        port = listening.getsockname()[1]
        said = f"listening on it\npanic: listen tcp 0.0.0.0:{port}: bind: address already in use\n"
        assert f"{host}:{port} by process {os.getpid()} (" in taken_port(said, [], {})
        assert f"{host}:{port} by pod cats/echo-1, process {os.getpid()} (" in taken_port(
            said, [], {os.getpgid(0): "cats/echo-1"}
        )
    assert taken_port(said, [], {}) is None, "nobody holds it any more"


def test_a_program_that_does_not_say_which_port_means_one_of_its_own():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert f"127.0.0.1:{port} by process" in taken_port("OSError: [Errno 98] Address already in use", [port], {})


def test_a_failure_of_another_kind_accuses_nobody():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert (
            taken_port(f"cannot connect to 127.0.0.1:{listening.getsockname()[1]}: permission denied", [], {}) is None
        )


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ({"image": "x", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}, True),
        ({"image": "x"}, False),
        ({"image": "r.example.com/header-echo:1", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}, False),
    ],
)
def test_without_a_file_system_of_its_own_a_foreign_program_is_told_what_is_not_there(container, told):
    messages = unseen_paths({"spec": {"containers": [{"name": "c", **container}]}}, "the kernel says no")
    assert len(messages) == told
    assert all(word in text for text in messages for word in ("not at /data", "(the kernel says no)", "CLUSTER=kind"))
