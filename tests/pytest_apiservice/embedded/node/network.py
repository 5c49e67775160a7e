"""Addresses of the embedded cluster: pod 10.A.B.n is the local process at loopback address 127.A.B.n.

EndpointSlices may not carry loopback addresses (https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/apis/core/validation/validation.go,
ValidateEndpointIP), and nothing that the cluster runs should be reachable from the network. So pods have ordinary addresses in the API,
and the API server reaches them through the egress proxy (pytest_apiservice.embedded.node.egress), which swaps the first number.
"""

import errno
import ipaddress
import random
import socket

from pytest_apiservice.base.errors import HarnessError

# Of nobody else: not the kubelet's 10250, at which backends like to listen, nor one that systems give out.
KUBELET_PORT = 61250
ATTEMPTS = 200
LAST_HOST = 254


class PodNetwork:
    """The addresses of one cluster; no two clusters of this machine have one in common.

    Attributes:
        node_ip: the node's address in the API, 10.A.B.1.
        kubelet_socket: listening at the node's local address; holding it is what reserves the network.
        has_own_addresses: False where the system has no loopback address but 127.0.0.1 (macOS); all pods then share it.
    """

    def __init__(self) -> None:
        """Reserve a free network.

        Raises:
            HarnessError: no network is free.
        """
        self.has_own_addresses = has_whole_loopback_network()
        for _ in range(ATTEMPTS):
            second, third = random.randrange(16, 240), random.randrange(256)  # noqa: S311 - not a secret
            self.node_ip = f"10.{second}.{third}.1"
            address = (self.local_address(self.node_ip), KUBELET_PORT if self.has_own_addresses else 0)
            self.kubelet_socket = socket.socket()
            try:
                self.kubelet_socket.bind(address)
                self.kubelet_socket.listen()
            except OSError as error:
                self.kubelet_socket.close()
                if error.errno != errno.EADDRINUSE:
                    raise HarnessError(f"cannot listen on {address[0]} port {address[1]}: {error.strerror}") from error
            else:
                self._free = [f"10.{second}.{third}.{host}" for host in range(LAST_HOST, 1, -1)]
                return
        raise HarnessError(
            f"port {KUBELET_PORT} is taken on every loopback address tried ({ATTEMPTS} of 127.0.0.0/8):"
            f" stop the program that listens on all addresses at port {KUBELET_PORT}"
        )

    def allocate(self) -> str:
        """Return a pod address that is not in use, the one freed longest ago last.

        Raises:
            HarnessError: all 253 are in use.
        """
        if not self._free:
            raise HarnessError("the embedded cluster has no free pod address: delete some pods")
        return self._free.pop()

    def release(self, pod_ip: str) -> None:
        """Give an address back."""
        self._free.insert(0, pod_ip)

    def local_address(self, ip: str) -> str:
        """Return the loopback address at which the process behind a node's or pod's address listens."""
        return "127" + ip[ip.index(".") :] if self.has_own_addresses else "127.0.0.1"

    def is_ours(self, ip: str) -> bool:
        """Tell whether ``ip`` is an address of this cluster's node or pods."""
        return ip.startswith(self.node_ip.removesuffix("1")) and _is_address(ip)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def has_whole_loopback_network() -> bool:
    """Tell whether this machine answers at every address of 127.0.0.0/8."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.16.0.1", 0))
        except OSError:
            return False
    return True
