"""A pod of the embedded cluster: its containers as processes, its volumes, probes and status."""
