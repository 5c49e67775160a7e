"""Jobs that wait, as an external metric: a HorizontalPodAutoscaler runs as many workers as they need."""

from flask import Flask, request

from extension_apiserver import main
from extension_apiserver.metrics_api import Query, external_metric

app, jobs = Flask(__name__), []


@app.route("/apis/<group>/<version>/jobs", methods=["POST", "DELETE"])
def submit_or_clear(group: str, version: str) -> dict[str, int]:
    jobs.append(request.get_data()) if request.method == "POST" else jobs.clear()
    return {"waiting": len(jobs)}


@external_metric("jobs_waiting", cache_seconds=1)
def jobs_waiting(query: Query) -> int:
    return len(jobs)


if __name__ == "__main__":
    raise SystemExit(main(app, metrics=[jobs_waiting]))
