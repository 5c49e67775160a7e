"""A program's official release is downloaded whole and verified, or the program is built. With real programs, from hosts on loopback."""

import hashlib
import io
import socket
import subprocess
import sys
import threading
from urllib.request import Request

import pytest
import trustme

import pin_releases
from harness_unit.release_hosts import served, tar
from pytest_apiservice.base import progress
from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.programs import download, go, oci, releases, tools
from pytest_apiservice.programs.cache import cache_dir

OFFERED = ("kind", "helm", "helm4", "etcd", "kubectl")


@pytest.fixture(scope="module")
def real():
    """Return a function (name) that returns the contents of the real program."""
    paths = {name: tools.tool(name) for name in OFFERED}
    return lambda name: paths[name].read_bytes()


@pytest.fixture
def clean(tmp_path, monkeypatch, said):
    """Have an empty cache, nothing on PATH, a build that only notes what it is asked for, and no pinned SHA-256; yield those notes."""
    built = []

    def build(name, _queue):
        built.append(name)
        path = tools._cached(name)
        path.parent.mkdir(parents=True)
        path.write_text("built")

    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.delenv("APISERVICE_OFFLINE", raising=False)
    for name in OFFERED:
        monkeypatch.delenv(tools.variable(name), raising=False)
    monkeypatch.setattr(tools, "_build", build)
    monkeypatch.setattr(releases, "pinned_sha256", lambda _url: "")
    forget()
    yield built
    forget()


@pytest.fixture
def hosts(clean, monkeypatch):
    """Yield the hosts of releases, which have no file yet."""
    with served() as serving:
        monkeypatch.setenv("APISERVICE_MIRROR", serving.url)
        yield serving


def forget():
    tools._found.cache_clear()
    tools._cached.cache_clear()
    tools.minor_version.cache_clear()
    download._given_up.clear()


def official(name, monkeypatch):
    """Return the URL of a program's release at its own host."""
    with monkeypatch.context() as patch:
        patch.delenv("APISERVICE_MIRROR", raising=False)
        return tools._release(name).url


def publish(hosts, monkeypatch, name, content, **members):
    """Serve the release of ``name`` with the program ``content``; return its path on the server."""
    url, member = official(name, monkeypatch), tools._release(name).member
    hosts.add(url, tar(*members.get("others", ()), (member, content, 0o644)) if member else content)
    return url.removeprefix("https://")


def kept():
    """Return what the cache has of programs, by name: a program that is there can be used."""
    folder = cache_dir() / "tools"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def built_instead(clean, said, sentence):
    """Assert that kind is built, that exactly one line says why with ``sentence``, and that nothing of the download is kept."""
    path = tools.tool("kind")
    lines = [line for line in said.getvalue().splitlines() if "is built instead" in line]
    assert (clean, len(lines), path.read_text()) == (["kind"], 1, "built"), lines
    assert sentence in lines[0]
    assert kept() == [path.parent.name, f"{path.parent.name}/kind"]


@pytest.mark.parametrize("name", OFFERED)
def test_the_official_release_is_used_and_nothing_is_built(hosts, clean, real, monkeypatch, name):
    publish(hosts, monkeypatch, name, real(name))
    path = tools.tool(name)
    said = subprocess.run([path, *tools.PROGRAMS[name].version_arguments], capture_output=True, text=True, check=True)
    assert tools.pinned_version(name).removeprefix("v") in said.stdout
    assert clean == []
    assert kept() == [path.parent.name, f"{path.parent.name}/{name}"]


def test_a_release_in_the_cache_is_not_asked_for_again(hosts, clean, real, monkeypatch):
    publish(hosts, monkeypatch, "kind", real("kind"))
    first, asked = tools.tool("kind"), len(hosts.asked)
    assert (tools.tool("kind"), len(hosts.asked)) == (first, asked)


def test_a_file_with_another_checksum_is_not_kept(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = real("kind") + b"\0"
    built_instead(clean, said, f"{path} has the SHA-256 {hashlib.sha256(real('kind') + bytes(1)).hexdigest()}, not ")


@pytest.mark.parametrize("checksums", [b"", b"<html>log in</html>", b"0" * 63, b"0" * 64 + b"  kind-plan9-mips\n"])
def test_a_text_without_the_files_checksum_is_no_reason_to_use_it(hosts, clean, real, monkeypatch, said, checksums):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[f"{path}.sha256sum"] = checksums
    built_instead(clean, said, f"has no SHA-256 of {path.rpartition('/')[2]}")
    assert path not in hosts.asked


def test_a_cut_transfer_is_not_kept(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = lambda handler: handler.answer(real("kind")[:1000], size=len(real("kind")))
    built_instead(clean, said, f"ended after 1000 of {len(real('kind'))} bytes")


def test_a_version_that_is_not_published_is_built(hosts, clean, said):
    built_instead(clean, said, "answers 404")


def test_a_host_that_never_answers_is_left_after_seconds(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[f"{path}.sha256sum"] = lambda _handler: hosts.ended.wait(60)
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
    built_instead(clean, said, "does not answer within 0.2 s")


def test_a_name_whose_lookup_hangs_is_left_after_seconds(hosts, clean, monkeypatch, said):
    """As in a network without a way out, whose resolver is asked again and again."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: hosts.ended.wait(60) and [])
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
    built_instead(clean, said, "does not answer within 0.2 s")


def test_a_silent_host_is_asked_once_for_all_its_programs(hosts, clean, said, monkeypatch):
    """Every program is built, one line says why."""
    monkeypatch.setenv("APISERVICE_MIRROR", "http://127.0.0.1:1")
    tools.prepare(["kubectl", "kubeadm", "kube-proxy"])
    assert clean == ["kubectl", "kubeadm", "kube-proxy"]
    assert said.getvalue().count("cannot be asked (Connection refused)") == 1


def test_progress_is_shown_in_plain_lines(hosts, clean, real, monkeypatch, said):
    path, content, seen = publish(hosts, monkeypatch, "kind", real("kind")), real("kind"), threading.Event()

    def slow(handler):
        handler.answer(content[: 2**20], size=len(content))
        seen.wait(60)
        handler.wfile.write(content[2**20 :])

    def say(text):
        real_say(text)
        if "1.0 of " in text:
            seen.set()

    real_say = progress.say
    hosts.files[path] = slow
    monkeypatch.setattr(progress, "PLAIN_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(progress, "say", say)
    assert "-release-" in str(tools.tool("kind"))
    assert f"1.0 of {len(content) / 2**20:.1f} MiB" in said.getvalue()


def test_a_host_too_slow_for_its_file_is_given_up(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = lambda handler: handler.answer(real("kind")[:1000], size=2**28) or hosts.ended.wait(60)
    monkeypatch.setattr(download, "JUDGED_AFTER_SECONDS", 0)
    monkeypatch.setattr(download, "MOST_SECONDS", 0.0)
    built_instead(clean, said, "is slow: 0 MiB in ")


def test_a_file_without_an_end_is_given_up(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = lambda handler: handler.answer(b"0", size=2**40)
    built_instead(clean, said, "has more than 400 MiB")


def redirecting(to):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


def test_a_redirect_is_followed(hosts, clean, real, monkeypatch):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files["elsewhere"] = hosts.files[path]
    hosts.files[path] = redirecting(f"{hosts.url}/elsewhere")
    assert "-release-" in str(tools.tool("kind"))


@pytest.mark.parametrize("to", ["http://example.com/file", "file:///etc/passwd", "ftp://example.com/file"])
def test_a_redirect_never_leaves_https(to):
    follow = download._Redirects(threading.Event()).redirect_request
    with pytest.raises(download.DownloadError, match=r"https://example\.com/file redirects to what is not https"):
        follow(Request("https://example.com/file"), io.BytesIO(), 302, "Found", {}, to)


def test_a_redirect_to_a_file_of_this_machine_is_not_followed(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = redirecting("file:///etc/passwd")
    built_instead(clean, said, "answers 302")


def test_a_redirect_to_what_is_no_url_is_not_followed(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = redirecting("http://[")
    built_instead(clean, said, "cannot be asked (")


def test_a_host_that_falls_silent_after_a_redirect_is_left(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = redirecting(f"{hosts.url}/silent")
    hosts.files["silent"] = lambda _handler: hosts.ended.wait(60)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    built_instead(clean, said, "127.0.0.1:")
    assert download.given_up(tools._release("kind"))


def test_a_file_of_absurd_length_is_given_up(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = lambda handler: handler.answer(b"0", size="9" * 5000)
    built_instead(clean, said, "has the SHA-256 ")


def test_a_redirect_in_a_circle_ends(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = redirecting(f"{hosts.url}/{path}")
    built_instead(clean, said, "answers 302")


def test_a_host_cannot_command_the_terminal(hosts, clean, real, monkeypatch, said):
    path = publish(hosts, monkeypatch, "kind", real("kind"))
    hosts.files[path] = lambda handler: handler.wfile.write(b"\x1b]0;owned\x07\r\n\r\n")
    built_instead(clean, said, "cannot be asked (?]0;owned?)")


def test_members_of_a_tar_that_leave_its_folder_are_not_written(hosts, clean, real, monkeypatch, tmp_path):
    others = [("../../outside", b"x"), (str(tmp_path / "absolute"), b"x"), ("linux-amd64", str(tmp_path))]
    publish(hosts, monkeypatch, "helm", real("helm"), others=others)
    path = tools.tool("helm")
    assert kept() == [path.parent.name, f"{path.parent.name}/helm"]
    assert list(tmp_path.rglob("outside")) + list(tmp_path.rglob("absolute")) == []


@pytest.mark.parametrize("leads_to", ["/bin/sh", "../../../etc/passwd"])
def test_a_link_in_the_programs_place_is_refused(hosts, clean, monkeypatch, said, leads_to):
    publish(hosts, monkeypatch, "helm", leads_to)
    tools.tool("helm")
    assert clean == ["helm"]
    assert "has something else than a program at" in said.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"no tar", tar(("other", b"x")), tar(("linux-amd64/helm", b"x" * 5000))[:60]],
    ids=["no archive", "another file", "cut off"],  # an archive has its time in it, and workers must agree on the names
)
def test_an_archive_without_the_program_is_refused(hosts, clean, monkeypatch, content):
    hosts.add(official("helm", monkeypatch), content)
    tools.tool("helm")
    assert clean == ["helm"]
    assert not [name for name in kept() if "release" in name]


def test_a_file_that_is_no_program_is_not_kept(hosts, clean, monkeypatch, said):
    publish(hosts, monkeypatch, "kind", b"<html>moved</html>")
    built_instead(clean, said, f"does not run here as kind {tools.pinned_version('kind')}")


def test_a_program_for_another_processor_is_not_kept(hosts, clean, real, monkeypatch, said):
    content = bytearray(real("kind"))
    content[18:20] = (8).to_bytes(2, sys.byteorder)  # e_machine of ELF: MIPS
    publish(hosts, monkeypatch, "kind", bytes(content))
    built_instead(clean, said, "does not run here as kind")


def test_a_program_of_another_version_is_not_kept(hosts, clean, monkeypatch, said):
    publish(hosts, monkeypatch, "kind", b"#!/bin/sh\necho kind version 0.1.0\n")
    built_instead(clean, said, "does not run here as kind")


def test_an_interrupted_download_leaves_nothing(hosts, clean, real, monkeypatch):
    publish(hosts, monkeypatch, "kind", real("kind"))
    monkeypatch.setattr(download, "_save", lambda _response, file, *_: file.write_bytes(b"half") and interrupt())
    with pytest.raises(KeyboardInterrupt):
        tools.tool("kind")
    assert kept() == []


def interrupt():
    raise KeyboardInterrupt


def test_offline_asks_nobody(hosts, clean, monkeypatch, said):
    monkeypatch.setenv("APISERVICE_OFFLINE", "1")
    tools.tool("kind")
    assert (hosts.asked, clean) == ([], ["kind"])
    assert "instead" not in said.getvalue()


def test_offline_uses_a_release_that_is_in_the_cache(hosts, clean, real, monkeypatch):
    publish(hosts, monkeypatch, "kind", real("kind"))
    first = tools.tool("kind")
    monkeypatch.setenv("APISERVICE_OFFLINE", "1")
    assert tools.tool("kind") == first


def test_a_pinned_checksum_decides_whatever_is_published(hosts, clean, real, monkeypatch, said):
    publish(hosts, monkeypatch, "kind", real("kind") + b"\0")
    pin = hashlib.sha256(real("kind")).hexdigest()
    monkeypatch.setattr(releases, "pinned_sha256", lambda _url: pin)
    built_instead(clean, said, f"not {pin} as ci/tools/SHA256SUMS pins")
    assert not [path for path in hosts.asked if path.endswith(".sha256sum")]


def test_a_checksum_is_pinned_by_the_official_url(monkeypatch, tmp_path):
    (tmp_path / "SHA256SUMS").write_text(f"# a comment\n{'a' * 64}  https://get.helm.sh/a\n{'b' * 64}  https://x/b\n")
    monkeypatch.setattr(releases, "FAMILIES", tmp_path)
    assert [releases.pinned_sha256(f"https://{name}") for name in ("x/b", "x/c")] == ["b" * 64, ""]


def test_what_a_mirror_gave_is_not_taken_for_the_official_file(hosts, monkeypatch):
    given = tools._downloaded("kind")
    monkeypatch.delenv("APISERVICE_MIRROR")
    assert tools._downloaded("kind") != given


def test_a_release_with_another_pin_is_another_file(hosts, monkeypatch):
    unpinned = tools._downloaded("kind")
    monkeypatch.setattr(releases, "pinned_sha256", lambda _url: "a" * 64)
    assert tools._downloaded("kind") != unpinned


def test_a_family_with_code_of_its_own_never_uses_a_release(hosts, clean, real, monkeypatch, tmp_path):
    """Not even one that is in the cache."""
    publish(hosts, monkeypatch, "kind", real("kind"))
    assert "-release-" in str(tools.tool("kind"))
    (tmp_path / "kubernetes").symlink_to(FAMILIES / "kubernetes")
    (tmp_path / "kind").mkdir()
    for file in (FAMILIES / "kind").iterdir():
        (tmp_path / "kind" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "kind" / "patch.go").write_text("package main\n")
    monkeypatch.setattr(tools, "FAMILIES", tmp_path)
    tools._cached.cache_clear()
    assert (tools.tool("kind").read_text(), clean) == ("built", ["kind"])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("replace k8s.io/api => k8s.io/api v0.37.2", True),
        ("replace k8s.io/api => example.com/fork v0.37.2", False),
        ("replace (\n\tk8s.io/api v0.37.1 => ../mine\n)", False),
    ],
)
def test_a_family_that_replaces_a_module_by_another_never_uses_a_release(tmp_path, line, offered):
    (tmp_path / "go.mod").write_text(f"module tools.example\n\n{line}\n")
    found = releases.release(f"{releases.KUBERNETES_PACKAGES}kubectl", tmp_path, "v1.37.2", "linux-amd64")
    assert (found is not None) is offered


def test_programs_that_are_ours_or_not_published_have_no_release():
    assert [tools._release(name) for name in ("cert-manager", "controller-gen")] == [None, None]


def test_an_older_kubernetes_has_its_own_release(monkeypatch):
    name = "kube-apiserver-1.30"
    program = tools.Program("interop/kubernetes-1.30", f"{releases.KUBERNETES_PACKAGES}kube-apiserver")
    monkeypatch.setitem(tools.PROGRAMS, name, program)
    system = go.platform().replace("-", "/")
    expected = f"https://dl.k8s.io/release/{tools.pinned_version(name)}/bin/{system}/kube-apiserver"
    assert official(name, monkeypatch) == expected


@pytest.mark.parametrize(
    "bad",
    ["files.example.com", "ftp://x", "https://", "https://me:secret@x", "https://x:y", "https://x/?a", "https://x y"],
)
def test_a_mirror_that_is_no_url_is_a_sentence(clean, monkeypatch, bad):
    monkeypatch.setenv("APISERVICE_MIRROR", bad)
    with pytest.raises(HarnessError, match="APISERVICE_MIRROR must be a URL such as") as raised:
        tools.tool("kind")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_host_with_a_certificate_of_nobody_we_trust_is_not_used(clean, real, monkeypatch, tmp_path, said, trusted):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with served(authority) as hosts:
        monkeypatch.setenv("APISERVICE_MIRROR", hosts.url)
        publish(hosts, monkeypatch, "kind", real("kind"))
        tools.tool("kind")
    assert (clean, "certificate verify failed" in said.getvalue()) == (([], False) if trusted else (["kind"], True))


def test_pinning_writes_what_is_published_by_official_url(clean, monkeypatch, tmp_path):
    pins = tmp_path / "SHA256SUMS"
    pins.write_text("# why\nstale\n")
    monkeypatch.delenv("APISERVICE_MIRROR", raising=False)
    monkeypatch.setattr(pin_releases, "PINS", pins)
    for module in (download, oci):
        monkeypatch.setattr(module, "published", lambda _release: "a" * 64)
    pin_releases.main()
    comment, *lines = pins.read_text().splitlines()
    version = tools.pinned_version("kubectl")
    assert (comment, "stale" in lines) == ("# why", False)
    assert f"{'a' * 64}  https://dl.k8s.io/release/{version}/bin/linux/arm64/kubectl" in lines
    assert len([line for line in lines if "/cert-manager-controller/manifests/v" in line]) == 1


def test_every_pinned_checksum_is_of_a_release_that_is_asked_for(monkeypatch):
    """One of a version that is pinned no more would look like care that nobody takes."""
    monkeypatch.delenv("APISERVICE_MIRROR", raising=False)
    for module in (download, oci):
        monkeypatch.setattr(module, "published", lambda _release: "a" * 64)
    asked = {line.split()[1] for line in pin_releases.lines()}
    pins = [line.split() for line in (FAMILIES / "SHA256SUMS").read_text().splitlines() if not line.startswith("#")]
    assert {url for _, url in pins} <= asked
