"""Bytes: TLS connections and HTTP/1.1, with a bound for everything."""
