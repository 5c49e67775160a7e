"""What nodes and pods use, for `kubectl top`: here the same for all; yours knows better."""

from extension_apiserver import main
from extension_apiserver.metrics_api import Query, node_and_pod_usage


@node_and_pod_usage
def usage(query: Query) -> dict[str, dict]:
    if query.resource == "nodes":
        return {name: {"cpu": "1500m", "memory": "3Gi"} for name in query.names}
    return {name: {"container": {"cpu": "250m", "memory": "64Mi"}} for name in query.names}


if __name__ == "__main__":
    raise SystemExit(main(metrics=[usage]))
