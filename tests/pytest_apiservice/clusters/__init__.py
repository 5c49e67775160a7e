"""The kinds of cluster, one protocol: kind, embedded, existing."""
