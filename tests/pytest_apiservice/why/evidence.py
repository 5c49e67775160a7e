"""What the cluster says about the releases under test, read once; the cause analysis and the dump both look at it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import requests

from pytest_apiservice.client.api import Api, ApiError
from pytest_apiservice.client.namespaces import OF_TESTS
from pytest_apiservice.why.redact import Redactor, without_values

Object = dict[str, Any]

TIMEOUT_SECONDS = (2.0, 5.0)  # to connect, to answer
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
LAST_LINES = 40
# kubelet's answer, with code 200, when it has removed the container already:
# https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/kubelet/kuberuntime/kuberuntime_container.go (GetContainerLogs)
NO_LOG = "unable to retrieve container logs"
# kind by plural name, and the API that serves it in a namespace
PATHS = {
    "services": "/api/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "pods": "/api/v1",
    "secrets": "/api/v1",
    "events": "/api/v1",
    "serviceaccounts": "/api/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "issuers": "/apis/cert-manager.io/v1",
    "certificates": "/apis/cert-manager.io/v1",
    "certificaterequests": "/apis/cert-manager.io/v1",
}


@dataclass
class Evidence:
    """Objects as the API server has them.

    Attributes:
        namespaces: those of the releases under test.
        objects: by plural name, of all these namespaces; Secrets keep keys and certificates only; "apiservices" are those
            that point into one of the namespaces.
        logs: the last lines of each container that is not ready, by "namespace/pod"; of the last run that ended, if any did.
        may_read_requestheader: by "namespace/serviceaccount", whether it may read the ConfigMap
            extension-apiserver-authentication, as the API server itself judges.
        faults: what could not be read, one sentence each.
        redactor: knows the values of the Secrets.
    """

    namespaces: list[str] = field(default_factory=list)
    objects: dict[str, list[Object]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    may_read_requestheader: dict[str, bool] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    redactor: Redactor = field(default_factory=Redactor)

    def of(self, plural: str, namespace: str | None = None) -> list[Object]:
        """Return the objects of one kind, of one namespace or of all."""
        found = self.objects.get(plural, [])
        return [o for o in found if namespace in (None, o["metadata"].get("namespace"))]

    def find(self, plural: str, namespace: str, name: str) -> Object | None:
        """Return the object of that name, or None."""
        return next((o for o in self.of(plural, namespace) if o["metadata"]["name"] == name), None)


class Reader:
    """GETs and POSTs to the API server that never raise: what fails becomes a fault."""

    def __init__(self, api: Api) -> None:
        """Use the administrator's credentials of ``api``."""
        self._api = api
        self.faults: list[str] = []
        self.reachable = True
        self._session = api.session()

    def items(self, path: str, **query: str) -> list[Object]:
        """Return the items of the list at ``path``; of a kind that is not served, none."""
        answer = self._send("GET", path, params=query)
        found: list[Object] = (answer.json().get("items") or []) if answer is not None else []
        return found

    def text(self, path: str, **query: str) -> str:
        """Return the text at ``path``, "" if there is none."""
        answer = self._send("GET", path, params=query)
        return answer.text if answer is not None else ""

    def create(self, path: str, body: Object) -> Object:
        """POST ``body`` and return the answer, empty if it was refused."""
        answer = self._send("POST", path, json=body)
        created: Object = answer.json() if answer is not None else {}
        return created

    def close(self) -> None:
        """Give up the connection that is kept between reads."""
        self._session.close()

    def _send(self, method: str, path: str, **arguments: Any) -> requests.Response | None:  # noqa: ANN401 - requests'
        if not self.reachable:
            return None
        try:
            return self._api.ask(self._session, method, path, timeout=TIMEOUT_SECONDS, **arguments)
        except ApiError as error:
            self.reachable = bool(error.code)
            # No such kind, no previous log.
            if error.code not in (requests.codes.not_found, requests.codes.bad_request):
                self.faults.append(str(error))
            return None


def gather(api: Api, namespaces: Iterable[str] | None = None) -> Evidence:
    """Read the evidence of ``namespaces``, by default of all that tests made; takes about 0.3 s and never raises."""
    reader = Reader(api)
    try:
        return _gather(reader, namespaces)
    finally:
        reader.close()


def _gather(reader: Reader, namespaces: Iterable[str] | None) -> Evidence:
    if namespaces is None:
        found = reader.items("/api/v1/namespaces", labelSelector=OF_TESTS)
        namespaces = [n["metadata"]["name"] for n in found if "deletionTimestamp" not in n["metadata"]]
    evidence = Evidence(namespaces=list(namespaces), faults=reader.faults)
    evidence.objects["apiservices"] = [
        service
        for service in reader.items(APISERVICES)
        if (service["spec"].get("service") or {}).get("namespace") in evidence.namespaces
    ]
    secrets: list[Object] = []
    for plural, api_path in PATHS.items():
        evidence.objects[plural] = []
        for namespace in evidence.namespaces:
            items = reader.items(f"{api_path}/namespaces/{namespace}/{plural}")
            if plural == "secrets":
                secrets += items
                items = [without_values(item) for item in items]
            evidence.objects[plural] += items
    evidence.redactor = Redactor(secrets)
    for pod in evidence.of("pods"):
        _read_log(reader, pod, evidence)
        _review(reader, pod, evidence)
    return evidence


def _read_log(reader: Reader, pod: Object, evidence: Evidence) -> None:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    for status in pod.get("status", {}).get("containerStatuses") or []:
        if status.get("ready"):
            continue
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
        query = {"container": status["name"], "tailLines": str(LAST_LINES)}
        # Between two crashes the container that starts again has said nothing yet: what the one before it said counts.
        crashed = "terminated" in (status.get("lastState") or {})
        text = (_log(reader, path, **query, previous="true") if crashed else "") or _log(reader, path, **query)
        evidence.logs[f"{namespace}/{name}"] = evidence.redactor.text(text)


def _log(reader: Reader, path: str, **query: str) -> str:
    text = reader.text(path, **query)
    return "" if text.startswith(NO_LOG) else text


def _review(reader: Reader, pod: Object, evidence: Evidence) -> None:
    namespace, account = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")
    if f"{namespace}/{account}" in evidence.may_read_requestheader:
        return
    wanted = {
        "namespace": "kube-system",
        "verb": "get",
        "resource": "configmaps",
        "name": "extension-apiserver-authentication",
    }
    user = f"system:serviceaccount:{namespace}:{account}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    review = reader.create(REVIEWS, {"spec": {"user": user, "groups": groups, "resourceAttributes": wanted}})
    if "status" in review:
        evidence.may_read_requestheader[f"{namespace}/{account}"] = bool(review["status"].get("allowed"))
