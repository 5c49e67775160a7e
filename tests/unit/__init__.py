"""Tests of the backend alone: a fake aggregator over real TLS, no cluster."""
