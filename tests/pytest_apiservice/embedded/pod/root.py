"""A file system of a container's own: this machine's, with the pod's volumes at their true paths.

The process gets a mount namespace (https://man7.org/linux/man-pages/man7/mount_namespaces.7.html) with a new root: a tmpfs that binds
every folder of this machine, and holds fresh folders where a volume needs a place, so that nothing is made on this machine's disk.
It hides what the volumes cover and nothing else: it makes programs run unchanged, it does not lock them in.
"""

import ctypes
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CANNOT_EXECUTE = 128  # container runtimes' exit code for a process that could not be started
NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000  # <linux/sched.h>
BIND, RECURSIVE, UNBINDABLE, SLAVE = 1 << 12, 1 << 14, 1 << 17, 1 << 19  # <linux/mount.h>
AT_FDCWD, AT_RECURSIVE, MOUNT_SETATTR, READ_ONLY = -100, 0x8000, 442, 1
OF_THE_KERNEL = ("/dev", "/proc", "/sys")  # writable even where the root is read-only, as in containers

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Volume:
    """A folder or file of this machine, and the path at which the container sees it."""

    source: Path
    path: str
    read_only: bool


def gain() -> str:
    """Let the children of this process have a root of their own: as root, or by a user namespace that this process enters.

    Call it before there is a second thread.

    Returns:
        "", or why it cannot be: no Linux of 5.12 or newer, or no right to it.
    """
    if sys.platform != "linux":
        return f"{sys.platform} has no mount namespaces"
    if not _trial(own_user=False):
        return ""
    if why := _trial(own_user=True):
        return f"this user may not mount, nor make a user namespace to mount in: {why}"
    _become_root_of_own_namespace()
    return ""


def enter(root: Path, volumes: Sequence[Volume], *, read_only: bool, working_directory: str) -> None:
    """Give this process, which is about to execute a program, a root of its own.

    Args:
        root: a folder to build it on; others do not see that.
        volumes: at their paths; the folders that lead there are made where they are missing.
        read_only: nothing but volumes that are not can be written.

    Raises:
        OSError: the kernel refuses.
    """
    # Without links: /var/run is one to /run on most machines.
    placed = {os.path.realpath(f"/{volume.path}"): volume for volume in volumes}
    top = str(root)
    os.umask(0o022)  # as in containers
    _call("unshare", NEW_MOUNTS)
    _mount(None, "/", SLAVE | RECURSIVE)  # nothing below reaches this machine
    _call("mount", b"tmpfs", os.fsencode(top), b"tmpfs", 0, b"mode=755")
    _mount(None, top, UNBINDABLE)  # else binding the folder that holds it would bind it into itself
    _mirror(Path("/"), top, [*placed, *OF_THE_KERNEL])
    for path in OF_THE_KERNEL:
        Path(top + path).mkdir()
    for path, volume in placed.items():
        _make_place(Path(top + path), is_folder=volume.source.is_dir())
    if read_only:
        _make_read_only(top)
    for path in OF_THE_KERNEL:
        _bind(path, top + path)
    for path in sorted(placed):  # what is mounted inside a volume comes after it
        volume = placed[path]
        _make_place(Path(top + path), is_folder=volume.source.is_dir())
        _bind(str(volume.source), top + path)
        if volume.read_only:
            _make_read_only(top + path)
    os.chroot(top)
    os.chdir(working_directory)


def join(pid: int, working_directory: str) -> None:
    """Give this process the root that the process ``pid`` has."""
    os.chroot(f"/proc/{pid}/root")
    os.chdir(working_directory)


def or_exit(work: Callable[[], None]) -> None:
    """Do ``work`` between fork and exec; a failure is said on standard error and ends the process, as nobody catches exceptions there."""
    try:
        work()
    except OSError as error:
        os.write(2, f"the embedded cluster cannot give the container its file system: {error}\n".encode())
        os._exit(CANNOT_EXECUTE)


def _mirror(folder: Path, top: str, places: Iterable[str]) -> None:
    """Fill ``top``/``folder`` with what ``folder`` holds, but for ``places`` and the folders that lead to them, which are made anew."""
    with suppress(PermissionError):
        for entry in folder.iterdir():
            path, copy = str(entry), Path(f"{top}{entry}")
            below = [place for place in places if place.startswith(f"{path}/")]
            if path in places:
                continue
            with suppress(OSError):  # it is gone meanwhile, or another user's FUSE: then it is not seen
                if entry.is_symlink():
                    copy.symlink_to(entry.readlink())
                elif below:
                    copy.mkdir()
                    copy.chmod(stat.S_IMODE(entry.stat().st_mode))
                    _mirror(entry, top, below)
                else:
                    _make_place(copy, is_folder=entry.is_dir())
                    _bind(path, str(copy))


def _make_place(path: Path, *, is_folder: bool) -> None:
    if not path.exists():
        (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
        if not is_folder:
            path.touch()


def _bind(source: str, path: str) -> None:
    _mount(source, path, BIND | RECURSIVE)


def _mount(source: str | None, path: str, flags: int) -> None:
    _call("mount", source and os.fsencode(source), os.fsencode(path), None, flags, None)


def _make_read_only(path: str) -> None:
    attributes = (ctypes.c_uint64 * 4)(READ_ONLY, 0, 0, 0)  # struct mount_attr: set, clear, propagation, user namespace
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _call("syscall", MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), AT_RECURSIVE, attributes, size)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _trial(*, own_user: bool) -> str:
    """Return "" when a child of ours could have its own root, else the reason."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            try:
                if own_user:
                    _become_root_of_own_namespace()
                enter(Path(folder), [], read_only=True, working_directory="/")
                Path(sys.executable).stat()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the parent says it
                os.write(writing, str(error).encode())
            os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


def _become_root_of_own_namespace() -> None:
    """Enter a user namespace in which we are who we are, and may mount (https://man7.org/linux/man-pages/man7/user_namespaces.7.html)."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
