"""What the harness makes of an API server's answers, here those of a small HTTP server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import yaml

from pytest_apiservice.client.api import Api, ApiError
from pytest_apiservice.why.evidence import Reader


class ApiServer(BaseHTTPRequestHandler):
    """Answers what a path asks for: /<code>; 200 is a list."""

    def do_GET(self):
        """Answer."""
        code = int(self.path.rpartition("/")[2].partition("?")[0])
        content = json.dumps({"items": [{"kind": "Pod"}]} if code == 200 else {"message": "the API server's words"})
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def api(tmp_path):
    """An Api of that server, which is at `api.at`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    kubeconfig = tmp_path / "kubeconfig"
    parts = {
        "clusters": [{"name": "x", "cluster": {"server": url}}],
        "users": [{"name": "x", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }
    kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x", **parts}))
    api = Api(SimpleNamespace(kubeconfig=kubeconfig, context="x"))
    api.stop = lambda: (server.shutdown(), server.server_close())
    yield api
    api.stop()


def test_an_error_carries_the_code_and_the_api_servers_words(api):
    with pytest.raises(ApiError, match=r"^GET /403 answered 403: .*the API server's words") as refused:
        api.send("GET", "/403")
    assert refused.value.code == 403


def test_an_object_that_may_be_missing_is_empty(api):
    assert api.send("GET", "/404", missing_ok=True) == {}
    with pytest.raises(ApiError, match="404"):
        api.send("GET", "/404")


def test_evidence_of_a_kind_that_is_not_served_is_none_and_no_fault(api):
    reader = Reader(api)
    assert [reader.items("/200"), reader.items("/404"), reader.items("/400")] == [[{"kind": "Pod"}], [], []]
    assert reader.faults == []
    reader.close()


def test_evidence_that_is_refused_is_a_fault_and_the_rest_is_read(api):
    reader = Reader(api)
    assert reader.items("/500") == []
    assert [fault.partition(":")[0] for fault in reader.faults] == ["GET /500 answered 500"]
    assert reader.items("/200") == [{"kind": "Pod"}]
    reader.close()


def test_an_api_server_that_is_away_is_one_fault_and_is_asked_no_more(api):
    reader = Reader(api)
    api.stop()
    assert reader.items("/200") == []
    assert reader.text("/200") == ""
    assert len(reader.faults) == 1
    assert "does not answer" in reader.faults[0]
    reader.close()
