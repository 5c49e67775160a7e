"""A program is taken out of its official image, each part verified by digest, or it is not there. From a registry on loopback."""

import hashlib

import pytest

from harness_unit.release_hosts import served, tar
from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.programs import cert_manager, download, go, oci, releases, tools

CONTROLLER, CAINJECTOR = "cert-manager-controller", "cert-manager-cainjector"
PROGRAM = b"#!/bin/sh\necho usage\n"
PLATFORM = go.platform().replace("-", "/")
PLACE = "app/cmd/controller/controller"
LICENSES = tar(("licenses/LICENSES", b"Apache"))


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Yield the hosts of releases, asked by an empty cache, with nothing pinned and nothing of cert-manager on this machine."""
    for variable in ("APISERVICE_OFFLINE", tools.variable("cert-manager")):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(releases, "pinned_sha256", lambda _url: "")
    forget()
    with served() as serving:
        monkeypatch.setenv("APISERVICE_MIRROR", serving.url)
        yield serving
    forget()


def forget():
    tools._found.cache_clear()
    tools._cached.cache_clear()
    download._given_up.clear()


def official(name):
    """Return the URL of a program's image at its own registry."""
    program, version = name.removeprefix("cert-manager-"), tools.pinned_version(name)
    return f"https://quay.io/v2/jetstack/cert-manager-{program}/manifests/{version}"


def publish(registry, name=CONTROLLER, *layers, platform=PLATFORM, **changes):
    """Serve the image of ``name``, whose program is not in its last layer; return the paths of its parts."""
    program = name.removeprefix("cert-manager-")
    layers = layers or (tar(("etc/passwd", b"")), tar((f"app/cmd/{program}/{program}", PROGRAM)), LICENSES)
    return registry.add_image(official(name), *layers, platform=platform, **changes)


def refused(tmp_path, said, sentence):
    """Assert that the controller is not there, that one line says why with ``sentence``, and that nothing of it is kept."""
    assert tools.downloaded(CONTROLLER) is None
    lines = [line for line in said.getvalue().splitlines() if "is built instead" in line]
    assert (len(lines), sentence in lines[0]) == (1, True), lines
    assert list((tmp_path / "cache" / "tools").iterdir()) == []


def test_the_program_is_taken_out_of_its_layer(registry):
    publish(registry)
    path = tools.downloaded(CONTROLLER)
    assert path.read_bytes() == PROGRAM
    assert [one.name for one in path.parent.iterdir()] == [CONTROLLER]


def test_a_program_that_is_there_is_not_asked_for_again(registry):
    publish(registry)
    first, asked = tools.downloaded(CONTROLLER), len(registry.asked)
    assert (tools.downloaded(CONTROLLER), len(registry.asked)) == (first, asked)


def test_of_two_layers_with_the_program_the_last_counts(registry):
    publish(registry, CONTROLLER, tar((PLACE, b"older")), tar((PLACE, PROGRAM)))
    assert tools.downloaded(CONTROLLER).read_bytes() == PROGRAM


def test_no_more_than_the_last_layers_are_asked_for(registry, tmp_path, said):
    """A registry could name thousands."""
    publish(registry, CONTROLLER, tar((PLACE, PROGRAM)), *(tar((f"{n}", b"")) for n in range(oci.MOST_LAYERS)))
    refused(tmp_path, said, f"has no {PLACE}")
    assert len([path for path in registry.asked if "/blobs/" in path]) == oci.MOST_LAYERS


@pytest.mark.parametrize(("part", "what"), [(1, "manifests"), (3, "blobs")])
def test_a_part_with_another_digest_is_refused(registry, tmp_path, said, part, what):
    path = publish(registry)[part]
    registry.files[path] += b" "
    found = hashlib.sha256(registry.files[path]).hexdigest()
    assert f"/{what}/" in path
    refused(tmp_path, said, f"{path} has the SHA-256 {found}, not {path.rpartition(':')[2]}")


def test_the_pinned_digest_decides_what_the_tag_may_name(registry, tmp_path, said, monkeypatch):
    publish(registry)
    monkeypatch.setattr(releases, "pinned_sha256", lambda _url: "a" * 64)
    refused(tmp_path, said, f"not {'a' * 64}")
    assert not [path for path in registry.asked if "/blobs/" in path]


def test_what_is_pinned_is_the_digest_of_what_the_tag_names(registry, monkeypatch):
    tagged = publish(registry)[0]
    pin = oci.published(tools._release(CONTROLLER))
    assert pin == hashlib.sha256(registry.files[tagged]).hexdigest()
    monkeypatch.setattr(releases, "pinned_sha256", lambda _url: pin)
    assert tools.downloaded(CONTROLLER)


def test_a_cut_layer_is_refused(registry, tmp_path, said):
    path = publish(registry)[3]
    whole = registry.files[path]
    registry.files[path] = lambda handler: handler.answer(whole[:100], size=len(whole))
    refused(tmp_path, said, f"ended after 100 of {len(whole)} bytes")


def test_a_version_without_an_image_is_not_there(registry, tmp_path, said):
    refused(tmp_path, said, "answers 404")


def test_a_registry_that_wants_a_password_is_left(registry, tmp_path, said):
    registry.files[publish(registry)[0]] = lambda handler: handler.send_error(401)
    refused(tmp_path, said, "answers 401")


def test_a_silent_registry_is_left_after_seconds(registry, tmp_path, said, monkeypatch):
    registry.files[publish(registry)[0]] = lambda _handler: registry.ended.wait(60)
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
    refused(tmp_path, said, "does not answer within 0.2 s")


def test_a_layer_elsewhere_is_followed_and_verified(registry):
    """Registries send to where they store."""
    path = publish(registry)[3]
    registry.files["store"] = registry.files[path]

    def elsewhere(handler):
        handler.send_response(307)
        handler.send_header("Location", f"{registry.url}/store")
        handler.end_headers()

    registry.files[path] = elsewhere
    assert tools.downloaded(CONTROLLER)
    assert "store" in registry.asked


def test_an_image_for_other_machines_only_is_refused(registry, tmp_path, said):
    publish(registry, platform="windows/amd64")
    refused(tmp_path, said, f"has no image for {PLATFORM}")


@pytest.mark.parametrize(
    "content",
    [b"<html>log in</html>", b"[]", b"{}", b'{"manifests": 1}', b'{"manifests": [1]}', b'{"manifests": []}'],
)
def test_what_is_no_list_of_images_is_refused(registry, tmp_path, said, content):
    registry.files[publish(registry)[0]] = content
    refused(tmp_path, said, "has no image for" if b"[]}" in content else "is no manifest of an image")


@pytest.mark.parametrize("digest", [None, "sha256:..", f"sha512:{'0' * 64}", f"sha256:{'0' * 64}/../x"])
def test_a_layer_without_a_digest_is_refused(registry, tmp_path, said, digest):
    publish(registry, layers=[{"digest": digest}])
    refused(tmp_path, said, "names something without its SHA-256")


@pytest.mark.parametrize("layers", [[LICENSES], [tar((PLACE, "/bin/sh"))], [b"no tar"]])
def test_an_image_without_the_program_is_refused(registry, tmp_path, said, layers):
    publish(registry, CONTROLLER, *layers)
    refused(tmp_path, said, "/jetstack/cert-manager-controller/")


def test_a_program_that_does_not_run_here_is_not_kept(registry, tmp_path, said):
    publish(registry, CONTROLLER, tar((PLACE, b"\x7fELF")))
    refused(tmp_path, said, f"does not run here as {CONTROLLER}")


def test_cert_manager_is_its_two_released_programs(registry):
    publish(registry)
    publish(registry, CAINJECTOR)
    commands = cert_manager.commands()
    assert list(commands) == [CONTROLLER, CAINJECTOR]
    for _, kubeconfig, configuration in commands.values():
        assert kubeconfig == "--kubeconfig=kubeconfig"
        assert configuration.startswith(f"--config={FAMILIES}/cert-manager/c")


def test_without_one_of_the_two_ours_is_built(registry, monkeypatch):
    """Ours is both."""
    publish(registry)
    monkeypatch.setattr(cert_manager, "tool", lambda name: f"/built/{name}")
    assert cert_manager.commands() == {"cert-manager": ["/built/cert-manager", "--kubeconfig=kubeconfig"]}


def test_ours_is_used_where_it_is_there(registry, monkeypatch):
    monkeypatch.setenv(tools.variable("cert-manager"), "/bin/true")
    assert cert_manager.commands() == {"cert-manager": ["/bin/true", "--kubeconfig=kubeconfig"]}
    assert registry.asked == []


def test_offline_no_registry_is_asked(registry, monkeypatch):
    publish(registry)
    monkeypatch.setenv("APISERVICE_OFFLINE", "1")
    assert (tools.downloaded(CONTROLLER), registry.asked) == (None, [])


def test_an_image_is_asked_for_by_its_tag_at_its_registry(monkeypatch):
    monkeypatch.delenv("APISERVICE_MIRROR", raising=False)
    assert tools._release(CONTROLLER).url == official(CONTROLLER)
