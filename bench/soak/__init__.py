"""Hostile clients for minutes, beside honest ones: `make soak`."""
