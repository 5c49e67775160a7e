"""Names of Services for pods of the embedded cluster, which has no DNS and no Service addresses: its proxy looks them up."""

from __future__ import annotations

import re

from pytest_apiservice.embedded.node.client import ApiClient

_NAME = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.cluster\.local)?")


class ServiceNames:
    """Finds a pod for `<service>.<namespace>.svc`, as DNS and kube-proxy do together."""

    def __init__(self, client: ApiClient) -> None:
        """Ask the API of ``client`` at each look-up: they are few."""
        self._client = client

    async def endpoint(self, host: str, port: int) -> tuple[str, int]:
        """Return the address and port of a ready pod behind the Service's ``port``; what is no Service's name comes back as it is.

        Raises:
            OSError: there is no such Service port, or no ready pod behind it.
            ApiError: there is no such Service.
        """
        name = _NAME.fullmatch(host)
        if name is None:
            return host, port
        service, namespace = name[1], name[2]
        found = await self._client.request("GET", f"/api/v1/namespaces/{namespace}/services/{service}")
        ports = [each.get("name", "") for each in found["spec"]["ports"] if each["port"] == port]
        selector = f"labelSelector=kubernetes.io/service-name={service}"
        slices = await self._client.request(
            "GET", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?{selector}"
        )
        for each in slices["items"]:
            for target in each["ports"] or []:
                for endpoint in each["endpoints"] or []:
                    if target.get("name", "") in ports and endpoint["conditions"].get("ready"):
                        return endpoint["addresses"][0], target["port"]
        raise OSError(f"no ready pod behind port {port} of Service {namespace}/{service}")
