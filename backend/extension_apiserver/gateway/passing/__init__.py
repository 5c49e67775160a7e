"""The way of one request: which upstream, what it is sent, and what its client gets."""
