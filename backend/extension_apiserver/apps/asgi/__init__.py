"""Applications as ASGI 3 defines them: HTTP, WebSocket and lifespan."""
