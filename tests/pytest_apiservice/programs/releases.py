"""Where a program's official release is, if one would do for the build that ci/tools pins, and which SHA-256 it must have.

The SHA-256 that FAMILIES/SHA256SUMS pins for the URL decides. Where it has none, the text that the project publishes beside the file does:
that finds what was cut or garbled on the way, and trusts the host, whose certificate is verified, as every installation guide of these
projects does. A pin trusts nobody, so with it a mirror need not be trusted either.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError

KUBERNETES_PACKAGES = "k8s.io/kubernetes/cmd/"
GITHUB = "https://github.com/{project}/releases/download/{version}/"
HELM = ("https://get.helm.sh/helm-{version}-{platform}.tar.gz", "{file}.sha256sum", "{platform}/helm")
# Go package → URL of the file, URL of the text with its SHA-256, path of the program within a tar. The paths are those of
# https://kubernetes.io/releases/download, https://helm.sh/docs/intro/install, https://etcd.io/docs/latest/install and
# https://kind.sigs.k8s.io/docs/user/quick-start. cert-manager's are published as images only: URL of the manifest, no text, path of the
# program within (https://github.com/cert-manager/cert-manager/tree/v1.21.2/hack/containers).
PLACES = {
    "helm.sh/helm/v3/cmd/helm": HELM,
    "helm.sh/helm/v4/cmd/helm": HELM,
    "go.etcd.io/etcd/server/v3": (
        GITHUB.format(project="etcd-io/etcd", version="{version}") + "etcd-{version}-{platform}.tar.gz",
        GITHUB.format(project="etcd-io/etcd", version="{version}") + "SHA256SUMS",
        "etcd-{version}-{platform}/etcd",
    ),
    "sigs.k8s.io/kind": (
        GITHUB.format(project="kubernetes-sigs/kind", version="{version}") + "kind-{platform}",
        "{file}.sha256sum",
        "",
    ),
}
IMAGES = "github.com/cert-manager/cert-manager/cmd/"
IMAGE = ("https://quay.io/v2/jetstack/cert-manager-{program}/manifests/{version}", "", "app/cmd/{program}/{program}")
KUBERNETES = ("https://dl.k8s.io/release/{version}/bin/{os}/{architecture}/{program}", "{file}.sha256", "")


@dataclass(frozen=True)
class Release:
    """A program's release: the file's URL, that of the text with its SHA-256, the program's path in it ("": it is the file), the pinned SHA-256 or "".

    Of an image: the URL of the manifest that its tag names, "" for the text.
    """

    url: str
    checksums: str
    member: str
    sha256: str

    @property
    def host(self) -> str:
        """The host it is from, with the port where the URL has one."""
        return urlsplit(self.url).netloc


def release(package: str, family: Path, version: str, platform: str) -> Release | None:
    """Return the release of the Go ``package`` that ``family`` pins to ``version``, for ``platform`` ("linux-amd64").

    None: the project publishes no program, or ``family`` builds something else than it does.

    Raises:
        HarnessError: APISERVICE_MIRROR is no URL.
    """
    program = package.removeprefix(KUBERNETES_PACKAGES).removeprefix(IMAGES)
    if package.startswith(IMAGES):
        place = IMAGE
    elif _changed(family):
        return None
    else:
        found = PLACES.get(package) if program == package else KUBERNETES
        if found is None:
            return None
        place = found
    system, _, architecture = platform.partition("-")
    words = {"version": version, "platform": platform, "os": system, "architecture": architecture, "program": program}
    file = place[0].format(**words)
    checksums = place[1].format(file=file, **words)
    return Release(_mirrored(file), checksums and _mirrored(checksums), place[2].format(**words), pinned_sha256(file))


def offline() -> bool:
    """Tell whether APISERVICE_OFFLINE forbids to ask for releases."""
    return os.environ.get("APISERVICE_OFFLINE", "") not in ("", "0")


def pinned_sha256(url: str) -> str:
    """Return the SHA-256 that FAMILIES/SHA256SUMS has for ``url``, "" if it has none: lines as of sha256sum, with the URL for the file."""
    pins = FAMILIES / "SHA256SUMS"
    return named_sha256(pins.read_text(), url) if pins.exists() else ""


def named_sha256(text: str, name: str) -> str:
    """Return the SHA-256 that ``text`` gives for the file ``name``: as sha256sum writes it, or nothing but the digits; "" if neither."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        return text.strip().lower()
    found = re.search(rf"^([0-9a-fA-F]{{64}}) [ *](?:\./)?{re.escape(name)}\s*$", text, re.MULTILINE)
    return found[1].lower() if found else ""


def _changed(family: Path) -> bool:
    """Tell whether a family builds code of its own, or another module in a module's place; another version of a module is no change."""
    replaced = re.findall(r"^\s*(?:replace )?(\S+)(?: v\S+)? => (\S+)", (family / "go.mod").read_text(), re.MULTILINE)
    return any(family.glob("*.go")) or any(module != other for module, other in replaced)


def _mirrored(url: str) -> str:
    """Return ``url``, or where the mirror has it: below its own URL, the host and the path."""
    return f"{mirror()}/{url.removeprefix('https://')}" if mirror() else url


def mirror() -> str:
    """Return APISERVICE_MIRROR, which is asked instead of each host; "" if there is none.

    Raises:
        HarnessError: it is no URL.
    """
    named = os.environ.get("APISERVICE_MIRROR", "")
    if not named:
        return ""
    try:
        parts = urlsplit(named)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", named):
        raise HarnessError(
            "APISERVICE_MIRROR must be a URL such as https://files.example.com/mirror, without a user, '?' or '#':"
            " <it>/dl.k8s.io/release/... is asked for what https://dl.k8s.io/release/... has"
        )
    return named.rstrip("/")
