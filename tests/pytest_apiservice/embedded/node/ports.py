"""Who holds the port that a container could not have: pods of the embedded cluster share this machine's addresses. Linux only."""

import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

NAMED_PORT = re.compile(r"(?:[:,] ?|port )(\d{3,5})\b")  # 0.0.0.0:8080, ('0.0.0.0', 8080); not a part of a time
LISTENING = "0A"  # https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html


def taken_port(output: str, declared: Iterable[int], pods: Mapping[int, str]) -> str | None:
    """Return who holds the port that a program says it could not bind; None if it says no such thing, or nobody holds it now.

    Args:
        output: the end of what the program wrote.
        declared: its container ports; programs do not always say which one it was.
        pods: name of the pod by process group.
    """
    for line in output.splitlines():
        if "address already in use" in line.lower():
            ports = {*declared, *map(int, NAMED_PORT.findall(line))}
            holders = [f"{address} by {_name(inode, pods)}" for address, inode in _listeners(ports)]
            if holders:
                return (
                    f"port taken: {', '.join(holders)}. Pods share this machine's addresses here:"
                    " let each listen at its own (status.podIP) and not at 0.0.0.0, or use CLUSTER=kind"
                )
    return None


def _listeners(ports: Iterable[int]) -> Iterator[tuple[str, str]]:
    """Yield (address:port, inode) of each socket that listens at one of ``ports``."""
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except FileNotFoundError:  # no Linux, or no IPv6
            continue
        for fields in map(str.split, lines):
            host, _, port = fields[1].partition(":")
            if fields[3] == LISTENING and int(port, 16) in ports:
                words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]  # little-endian each
                yield f"{socket.inet_ntop(family, b''.join(words))}:{int(port, 16)}", fields[9]


def _name(inode: str, pods: Mapping[int, str]) -> str:
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) != f"socket:[{inode}]":
                continue
            pid = int(descriptor.parts[2])
            process = f"process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
            pod = pods.get(os.getpgid(pid))
        except OSError:  # it ended, or is not ours
            continue
        return f"pod {pod}, {process}" if pod else process
    return "a process that we may not look into, of another user or outside of our user namespace (pytest_apiservice.embedded.pod.root)"
