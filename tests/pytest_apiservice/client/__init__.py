"""What speaks to a cluster's API: calls, kubectl, helm, namespaces."""
