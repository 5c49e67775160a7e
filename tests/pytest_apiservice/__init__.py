"""A real Kubernetes API for tests: clusters, helm, waits and diagnostics behind a few pytest fixtures."""
