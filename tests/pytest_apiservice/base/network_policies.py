"""NetworkPolicy, as far as the API server is concerned: may it reach a pod's port?

Ingress rules by port and by address. Rules that select peers by their pods or namespaces never admit the API server, which runs in
the node's network (https://kubernetes.io/docs/concepts/services-networking/network-policies/). Egress is not judged.
"""

import ipaddress
from typing import Any

from pytest_apiservice.base.label_selectors import matches

Object = dict[str, Any]


def selecting(policies: list[Object], pod: Object) -> list[Object]:
    """Return those of ``policies`` that restrict what comes in to ``pod``."""
    return [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and matches(policy["spec"].get("podSelector") or {}, pod)
        and "Ingress" in policy["spec"].get("policyTypes", ["Ingress"])
    ]


def admits(policies: list[Object], pod: Object, port: int, source: str | None) -> bool:
    """Return whether ``policies`` let a connection through to ``port`` of ``pod``.

    Args:
        source: the API server's address; None where it is not known: any block of addresses may hold it.
    """
    found = selecting(policies, pod)
    return not found or any(
        _names_source(rule.get("from"), source) and _names_port(rule.get("ports"), port, pod)
        for policy in found
        for rule in policy["spec"].get("ingress") or []
    )


def number_of(port: int | str, pod: Object) -> int | None:
    """Return the number of a port that a Service or a policy names by name or number, None if no container has that name."""
    if isinstance(port, int):
        return port
    names = {
        declared.get("name"): int(declared["containerPort"])
        for container in pod["spec"]["containers"]
        for declared in container.get("ports") or []
    }
    return names.get(port)


def _names_source(peers: list[Object] | None, source: str | None) -> bool:
    blocks = [peer["ipBlock"] for peer in peers or [] if "ipBlock" in peer]
    return not peers or any(_holds(block, source) for block in blocks)


def _holds(block: Object, source: str | None) -> bool:
    if source is None:
        return True
    address = ipaddress.ip_address(source)
    return address in ipaddress.ip_network(block["cidr"]) and not any(
        address in ipaddress.ip_network(hole) for hole in block.get("except") or []
    )


def _names_port(ports: list[Object] | None, number: int, pod: Object) -> bool:
    for port in ports or [{}]:
        if port.get("protocol", "TCP") != "TCP":
            continue
        if port.get("port") is None:
            return True
        first = number_of(port["port"], pod)
        if first is not None and first <= number <= port.get("endPort", first):
            return True
    return False
