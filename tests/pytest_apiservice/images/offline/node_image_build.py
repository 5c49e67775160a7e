"""Our own node image for kind, where no registry is reachable: Debian's packages, our binaries, and no Dockerfile.

kind v0.33 wants of an image: an entrypoint that ends in systemd, a known line in its log, kubeadm, kubelet, kubectl and
a containerd with the control plane's images, and the file /kind/version. What else is needed stands in ci/node-image/.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES, NODE_IMAGE
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.images.archive import Image, files_below, write_archive
from pytest_apiservice.images.offline import debian
from pytest_apiservice.images.registry import forget_others, has_image
from pytest_apiservice.programs.cache import cache_dir, demand_free_disk, digest, locked
from pytest_apiservice.programs.go import platform
from pytest_apiservice.programs.pinned import PROGRAMS
from pytest_apiservice.programs.tools import kubernetes_version, prepare, tool, variable

NAME = "header-echo-node"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "containerd", "runc", "containernetworking-plugins", "catatonit",
    "iptables", "nftables", "iproute2", "conntrack", "ethtool", "socat", "kmod", "mount", "procps", "hostname",
    "ca-certificates",
)  # fmt: skip
ON_THE_NODE = ("kubeadm", "kubelet", "kubectl")
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "coredns")
KUBE_PROXY_PACKAGES = ("iptables", "conntrack", "kmod")  # it runs those of its own image
ENABLED = ("containerd", "node-images", "kubelet", "name-server")
MASKED = (
    "getty.target", "console-getty.service", "systemd-udevd.service", "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket", "systemd-udev-trigger.service", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "systemd-remount-fs.service", "systemd-logind.service", "dev-hugepages.mount",
)  # fmt: skip
NEEDED_MIB = 6000


def reference() -> str:
    """Return the image's name; its tag changes with everything it is made of, so the name stands for its content."""
    inputs = [path for path in NODE_IMAGE.rglob("*") if path.is_file() and path.name != "kind.yaml"]
    families = {PROGRAMS[name].family for name in (*ON_THE_NODE, *CONTROL_PLANE)}
    pins = [FAMILIES / family / file for family in sorted(families) for file in ("go.mod", "go.sum")]
    overrides = [os.environ.get(variable(name), "") for name in (*ON_THE_NODE, *CONTROL_PLANE)]
    hashed = digest([*inputs, *pins, Path(__file__)], platform(), *overrides)
    return f"{NAME}:{kubernetes_version()}-{hashed}"


def build() -> str:
    """Build the image unless the engine has it; return its name.

    Raises:
        HarnessError: no room, no root, no Debian mirror, or a step failed; nothing half-made stays behind.
    """
    prepare((*ON_THE_NODE, *CONTROL_PLANE))
    with locked("node-image"):
        if not has_image(reference()):
            demand_free_disk(cache_dir(), NEEDED_MIB, "making the node image")
            for stale in cache_dir().glob(".node-image-*"):  # we hold the lock: its builder is dead
                shutil.rmtree(stale)
            directory = Path(tempfile.mkdtemp(prefix=".node-image-", dir=cache_dir()))
            try:
                with step(f"making node image {reference()} from Debian's packages (a minute or two)") as detail:
                    for name in _build(directory):
                        detail(name)
            finally:
                shutil.rmtree(directory, ignore_errors=True)
    return reference()


def _build(directory: Path) -> Iterator[str]:
    """Do the work in ``directory``; yield what comes next."""
    root = directory / "root"
    yield f"1 of 4, debootstrap with {len(PACKAGES)} packages"
    debian.root_file_system(root, PACKAGES)
    debian.strip_file_system(root)
    yield "2 of 4, our binaries and units"
    _configure(root)
    yield "3 of 4, the control plane's images"
    images = root / "kind" / "images"
    images.mkdir()
    write_archive(images / "control-plane.tar", list(_control_plane(root, directory / "kube-proxy")))
    yield "4 of 4, importing into Docker"
    archive = directory / "node.tar"
    run(["tar", "--create", "--numeric-owner", "--file", archive, "--directory", root, "."], timeout_seconds=300)
    shutil.rmtree(root)
    changes = ["ENV container=docker", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               'ENTRYPOINT ["/usr/local/bin/entrypoint"]']  # fmt: skip
    flags = [word for change in changes for word in ("--change", change)]
    run(["docker", "import", *flags, str(archive), reference()], timeout_seconds=300)
    forget_others(reference())


def _configure(root: Path) -> None:
    shutil.copytree(NODE_IMAGE / "rootfs", root, dirs_exist_ok=True)
    containerd = root / "etc/containerd/config.toml"
    containerd.write_text(containerd.read_text().replace("@PAUSE_IMAGE@", _image_names()["pause"]))
    for name in ON_THE_NODE:
        shutil.copy(tool(name), root / "usr/local/bin" / name)
    (root / "kind").mkdir()
    (root / "kind/version").write_text(kubernetes_version())
    run(["chroot", str(root), "systemctl", "enable", *ENABLED], timeout_seconds=60)
    run(["chroot", str(root), "systemctl", "mask", *MASKED], timeout_seconds=60)


@cache
def _image_names() -> dict[str, str]:
    """Return the control plane's images as our kubeadm names them, keyed by their last path element."""
    argv = [str(tool("kubeadm")), "config", "images", "list", "--kubernetes-version", kubernetes_version()]
    names = run(argv, timeout_seconds=30).stdout.split()
    return {name.rpartition("/")[2].partition(":")[0]: name for name in names}


def _control_plane(root: Path, extras: Path) -> Iterator[Image]:
    """Yield the images; kube-proxy's extra files come into the new folder ``extras``."""
    extras.mkdir()
    debian.unpack(extras, KUBE_PROXY_PACKAGES)
    debian.strip_file_system(extras)
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            (extras / "usr/sbin" / f"{name}{suffix}").symlink_to("xtables-nft-multi")  # update-alternatives does it
    names = _image_names()
    for program in CONTROL_PLANE:
        files = files_below(extras) if program == "kube-proxy" else {}
        yield Image(names[program], {**files, f"usr/local/bin/{program}": tool(program)}, [program])
    yield Image(names["pause"], {"pause": root / "usr/bin/catatonit"}, ["/pause", "-P"])
