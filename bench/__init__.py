"""Measurements: what users feel, ours beside its peers in the same run. `make bench` runs them."""
