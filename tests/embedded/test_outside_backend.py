"""A backend that runs outside of the cluster is registered with the values that chart/README.md shows for it."""

import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from pytest_apiservice.base.authorities import Authority
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART

pytestmark = pytest.mark.only_on("embedded", reason="its addresses lead to processes of this machine")

GROUP = "outside.example.com"
PORT = 8443  # as in the README
BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```$", (CHART / "README.md").read_text(), re.MULTILINE | re.DOTALL)
]


def shown(kind):
    """Return the values of the block that makes an object of ``kind``."""
    (block,) = [one for one in BLOCKS if kind in json.dumps(one)]
    return block


class Answers(BaseHTTPRequestHandler):
    """Discovery, and the path that was asked for anywhere else."""

    def do_GET(self):
        """Answer everything with 200."""
        document = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/v1", "resources": []}
        body = json.dumps(document if self.path == f"/apis/{GROUP}/v1" else {"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Keep quiet."""


@pytest.fixture
def helm(another):
    """Return the helm of the release that registers it."""
    return another("outside")


@pytest.fixture
def authority():
    """Return what signs its certificate."""
    return Authority("outside")


@pytest.fixture
def address(cluster, kubectl, helm, authority, tmp_path):
    """Yield the address, as the API server knows it, of a server that no pod runs."""
    (node,) = kubectl.get("nodes")["items"]
    prefix = node["status"]["addresses"][0]["address"].rpartition(".")[0]
    authority.server([f"cats.{helm.namespace}.svc"]).write(tmp_path, "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    local = "127" + prefix.removeprefix("10") + ".250"
    with ThreadingHTTPServer((local, PORT), Answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{prefix}.250"
        server.shutdown()


def values(block, authority):
    """Return the README's values for a backend outside, with the extraObjects of ``block``, as dotted keys."""
    named = shown("ExternalName")
    return {
        "apiService.group": GROUP,
        "backend": named["backend"],
        "tls": {**named["tls"], "caBundle": authority.certificate.decode()},
        "extraObjects": block["extraObjects"],
    }


def test_it_answers_by_a_service_without_a_selector(cluster, helm, address, authority):
    block = shown("EndpointSlice")
    (slice_,) = [one for one in block["extraObjects"] if one["kind"] == "EndpointSlice"]
    slice_["endpoints"] = [{"addresses": [address]}]
    helm.upgrade(values(block, authority), wait=False)
    api = Api(cluster, GROUP)
    api.wait_for_available("True", "Passed")
    answer = api.get(f"{api.path}/hello")
    assert (answer.status_code, answer.json()) == (200, {"path": f"{api.path}/hello"}), answer.text


def test_an_alias_is_refused_where_the_aggregator_routes_to_endpoints(cluster, helm, authority):
    helm.upgrade(values(shown("ExternalName"), authority), wait=False)
    api = Api(cluster, GROUP)

    def refused():
        condition = api.available()
        if "unsupported service type" not in condition["message"]:
            raise NotYet(f"{condition['status']}, {condition['reason']}: {condition['message']}")

    wait_for("the alias to be refused", refused, timeout_seconds=60)
