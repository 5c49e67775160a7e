"""The echo as one would write it with FastAPI and uvicorn, for comparison: no identity check, no Status, no negotiation."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

app = FastAPI(openapi_url=None)


@app.get("/apis/{group}/{version}")
async def discovery(group: str, version: str) -> dict[str, Any]:
    """Answer what the aggregator asks before it calls the APIService Available."""
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}", "resources": []}


@app.api_route("/apis/{group}/{version}/", methods=["GET", "POST"])
async def echo(request: Request) -> Response:
    """Answer with the headers."""
    await request.body()
    return Response("".join(f"{name}: {value}\n" for name, value in request.headers.items()), media_type="text/plain")
