"""The embedded cluster's node: addresses, Services, policies, the kubelet's own endpoints."""
