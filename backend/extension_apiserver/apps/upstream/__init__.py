"""The client side: HTTP/1.1 to services, over TCP, TLS or a Unix socket."""
