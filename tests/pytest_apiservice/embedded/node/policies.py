"""The cluster's NetworkPolicies, which judge what the API server opens; pods that dial each other are processes of one machine."""

from pytest_apiservice.base.network_policies import admits
from pytest_apiservice.embedded.node.client import ApiClient, Store


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
