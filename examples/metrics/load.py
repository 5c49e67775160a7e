"""How busy pods are, by their own account, as a custom metric: a HorizontalPodAutoscaler runs as many as that takes."""

from flask import Flask, request

from extension_apiserver import main
from extension_apiserver.metrics_api import Query, custom_metric

app, load = Flask(__name__), {}


@app.put("/apis/<group>/<version>/namespaces/<namespace>/load/<pod>")
def report(group: str, version: str, namespace: str, pod: str) -> dict[str, float]:
    load[namespace, pod] = float(request.get_data())
    return {pod: load[namespace, pod]}


@custom_metric("pods", "load", cache_seconds=1)
def pods_load(query: Query) -> dict[str, float]:
    return {name: load.get((query.namespace, name), 0.0) for name in query.names}


if __name__ == "__main__":
    raise SystemExit(main(app, metrics=[pods_load]))
