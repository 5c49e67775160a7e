"""NetworkPolicy, as far as the API server is concerned: may it reach a pod's port?

Ingress rules by port and by address. Rules that select peers by their pods or namespaces never admit the API server, which runs in
the node's network (https://kubernetes.io/docs/concepts/services-networking/network-policies/). Egress is not judged, and pods that dial
each other are not either: they are processes of one machine.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from pytest_apiservice.base.label_selectors import matches
from pytest_apiservice.embedded.node.client import ApiClient, Store

Object = dict[str, Any]


class NetworkPolicies:
    """Judges each connection that the API server opens.

    Attributes:
        store: all policies; somebody has to run it.
    """

    def __init__(self, client: ApiClient, node_ip: str) -> None:
        """Judge what comes from ``node_ip``, by the policies and pods that ``client`` finds."""
        self.store = Store(client, "/apis/networking.k8s.io/v1/networkpolicies")
        self._client = client
        self._node_ip = node_ip

    async def admit(self, pod_ip: str, port: int) -> bool:
        """Return whether a connection to ``port`` of the pod at ``pod_ip`` is let through; ApiError if the API cannot say."""
        policies = list(self.store.objects.values())
        if not policies:
            return True
        pods = await self._client.request("GET", f"/api/v1/pods?fieldSelector=status.podIP={pod_ip}")
        return all(admits(policies, pod, port, self._node_ip) for pod in pods["items"])


def admits(policies: list[Object], pod: Object, port: int, source: str) -> bool:
    """Return whether ``policies`` let a connection from the address ``source`` through to ``port`` of ``pod``."""
    selecting = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and matches(policy["spec"].get("podSelector") or {}, pod)
        and "Ingress" in policy["spec"].get("policyTypes", ["Ingress"])
    ]
    return not selecting or any(
        _names_source(rule.get("from"), source) and _names_port(rule.get("ports"), port, pod)
        for spec in selecting
        for rule in spec.get("ingress") or []
    )


def _names_source(peers: list[Object] | None, source: str) -> bool:
    address = ipaddress.ip_address(source)
    blocks = [peer["ipBlock"] for peer in peers or [] if "ipBlock" in peer]
    return not peers or any(
        address in ipaddress.ip_network(block["cidr"])
        and not any(address in ipaddress.ip_network(hole) for hole in block.get("except") or [])
        for block in blocks
    )


def _names_port(ports: list[Object] | None, number: int, pod: Object) -> bool:
    names = {
        port.get("name"): port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or []
    }
    for port in ports or [{}]:
        named = port.get("port")
        first: int | None = names.get(named, 0) if isinstance(named, str) else named
        if port.get("protocol", "TCP") == "TCP" and (first is None or first <= number <= port.get("endPort", first)):
            return True
    return False
