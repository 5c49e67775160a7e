"""Programs of FastAPI's tutorial, as its source distribution has them (docs_src), side by side."""

from fastapi import FastAPI

app = FastAPI()
for name in ("body", "cookies", "errors", "headers", "files", "events", "stream", "chat"):
    app.mount(f"/{name}", globals()[name])
