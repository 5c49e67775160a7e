"""An OCI runtime in front of runc that asks for no capability outside this machine's bound.

`docker run --privileged` asks for all capabilities; where the bound lacks one (a machine without CAP_SYS_RESOURCE, say),
runc fails with "unable to apply caps: operation not permitted". The engine installs this file as its default runtime,
on such machines only. It needs nothing but Python's standard library, because it runs as a copy.
"""

import json
import os
import re
import sys
from itertools import pairwise
from pathlib import Path

# Bit by bit as in linux/capability.h.
CAPABILITIES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""".split()  # noqa: SIM905 - a table of words


def missing_capabilities(status: str) -> set[str]:
    """Return the capabilities ("CAP_SYS_RESOURCE") outside the bound that ``status``, a /proc/<pid>/status, shows."""
    bound = int(re.findall(r"^CapBnd:\s*([0-9a-f]+)", status, re.MULTILINE)[0], 16)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return {f"CAP_{name}" for bit, name in enumerate(CAPABILITIES[: last + 1]) if not bound >> bit & 1}


def fit(process: dict[str, dict[str, list[str]]], missing: set[str]) -> None:
    """Drop the ``missing`` capabilities from an OCI process (the `process` of config.json, or `exec --process`)."""
    for names in process.get("capabilities", {}).values():
        names[:] = [name for name in names if name not in missing]


def main(arguments: list[str]) -> None:
    """Fit the file that ``arguments`` name, then become runc."""
    missing = missing_capabilities(Path("/proc/self/status").read_text())
    for flag, value in pairwise(arguments):
        if flag in ("--bundle", "-b", "--process", "-p"):
            path = Path(value, "config.json") if flag in ("--bundle", "-b") else Path(value)
            document = json.loads(path.read_text())
            fit(document["process"] if path.name == "config.json" else document, missing)
            path.write_text(json.dumps(document))
    os.execvp("runc", ["runc", *arguments])  # noqa: S606, S607 - the runc that dockerd itself would find


if __name__ == "__main__":
    main(sys.argv[1:])
