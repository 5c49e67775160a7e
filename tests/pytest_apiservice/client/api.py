"""HTTPS to the API server as this or that user, TLS always verified."""

from contextlib import nullcontext
from typing import Any

import requests
import urllib3
from urllib3.util import SKIP_HEADER

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.cluster import Cluster

REQUEST_TIMEOUT_SECONDS = 30
# The headers that curl sends, and no more: requests would add its own.
CURL = {"Accept": "*/*", "Accept-Encoding": SKIP_HEADER, "Connection": None, "User-Agent": "curl/8.11.0"}
# Headers that newer API servers add for tracing; the rest is what the first one echoed.
TRACING = {"audit-id", "traceparent"}


class ApiError(HarnessError):
    """A request got no answer, or an error; with the API server's words.

    Attributes:
        code: the HTTP status, 0 if there was no answer.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """The API server of a cluster, and the group/version that the chart registered there."""

    def __init__(self, cluster: Cluster, group: str = "cats.example.com", version: str = "v1") -> None:
        from kubernetes import config  # half of the time that pytest needs to start, for runs without a cluster too

        self.cluster = cluster
        self.group = group
        self.version = version
        self.kubectl = Kubectl(cluster)
        self._configuration = config.new_client_from_config(str(cluster.kubeconfig), cluster.context).configuration

    @property
    def path(self) -> str:
        """The path of the group and version, without a slash at its end."""
        return f"/apis/{self.group}/{self.version}"

    @property
    def server(self) -> str:
        """The URL of the API server, https://host:port as the kubeconfig has it."""
        return str(self._configuration.host)

    @property
    def ca_file(self) -> str:
        """The file with the API server's CA."""
        return str(self._configuration.ssl_ca_cert)

    def session(self, token: str | None = None, *, anonymous: bool = False) -> requests.Session:
        """Return an HTTP session: the administrator's, or a bearer token's, or nobody's."""
        session = requests.Session()
        session.trust_env = False  # else REQUESTS_CA_BUNDLE and proxies of the environment win over what is set here
        session.verify = self.ca_file
        if token is not None:
            session.headers["Authorization"] = f"Bearer {token}"
        elif not anonymous:
            session.cert = (self._configuration.cert_file, self._configuration.key_file)
            if self._configuration.api_key:
                session.headers["Authorization"] = str(self._configuration.get_api_key_with_prefix("authorization"))
        return session

    def pool(self) -> urllib3.HTTPSConnectionPool:
        """Return one connection of the administrator that is kept, and nothing is ever sent twice: half of a session's work."""
        url = urllib3.util.parse_url(self.server)
        token = self._configuration.get_api_key_with_prefix("authorization") if self._configuration.api_key else None
        return urllib3.HTTPSConnectionPool(
            str(url.host),
            url.port,
            retries=False,
            headers={"Authorization": str(token)} if token else None,
            ca_certs=self.ca_file,
            cert_file=self._configuration.cert_file,
            key_file=self._configuration.key_file,
        )

    def get(
        self,
        path: str,
        token: str | None = None,
        *,
        anonymous: bool = False,
        **arguments: Any,  # noqa: ANN401 - those of requests
    ) -> requests.Response:
        """GET ``path`` of the API server; ``arguments`` as for requests.get."""
        with self.session(token, anonymous=anonymous) as session:
            return session.get(self.server + path, timeout=REQUEST_TIMEOUT_SECONDS, **arguments)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        *,
        session: requests.Session | None = None,
        missing_ok: bool = False,
    ) -> dict[str, Any]:
        """Send one request as the administrator and return the object in the answer: a fifth of the work of a kubectl process.

        Args:
            session: to send it by, for many requests one after the other; None makes one for this request.
            missing_ok: return {} where there is no such object.

        Raises:
            ApiError: no answer, or an error.
        """
        try:
            with nullcontext(session) if session else self.session() as by:
                answer = self.ask(by, method, path, json=body, headers={"Content-Type": content_type})
        except ApiError as error:
            if missing_ok and error.code == requests.codes.not_found:
                return {}
            raise
        sent: dict[str, Any] = answer.json()
        return sent

    def ask(
        self,
        session: requests.Session,
        method: str,
        path: str,
        *,
        timeout: float | tuple[float, float] = REQUEST_TIMEOUT_SECONDS,
        **arguments: Any,  # noqa: ANN401 - those of requests
    ) -> requests.Response:
        """Send one request by ``session`` and return the answer, which is none of an error; ``arguments`` as for requests.

        Raises:
            ApiError: no answer, or an error.
        """
        try:
            answer = session.request(method, self.server + path, timeout=timeout, **arguments)
        except requests.RequestException as error:
            raise ApiError(f"{method} {path}: the API server at {self.server} does not answer: {error}") from error
        if not answer.ok:
            text = answer.text.strip()[:500]
            raise ApiError(f"{method} {path} answered {answer.status_code}: {text}", answer.status_code)
        return answer

    def token(self, namespace: str, account: str) -> str:
        """Return a fresh token of the ServiceAccount."""
        return Kubectl(self.cluster, namespace)("create", "token", account).stdout.strip()

    def available(self) -> dict[str, str]:
        """Return the APIService's condition Available: type, status, reason, message, lastTransitionTime.

        Raises:
            NotYet: the aggregator has not judged it yet, or there is no APIService.
        """
        try:
            answer = self.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{self.version}.{self.group}")
        except requests.ConnectionError as error:
            raise NotYet(f"the API server cannot be reached: {error}") from error
        if answer.status_code != requests.codes.ok:
            raise NotYet(f"{answer.status_code} {answer.text[:200]}")
        for condition in answer.json().get("status", {}).get("conditions", []):
            if condition["type"] == "Available":
                return dict(condition)
        raise NotYet("no condition Available yet")

    def wait_for_available(self, status: str = "True", reason: str | None = None, timeout_seconds: float = 120) -> None:
        """Wait until the APIService's condition Available has ``status`` and, if given, ``reason``."""

        def judged() -> None:
            condition = self.available()
            if condition["status"] != status or reason not in (None, condition["reason"]):
                raise NotYet(f"{condition['status']}, {condition['reason']}: {condition['message']}")

        wanted = f"{status} ({reason})" if reason else status
        wait_for(f"APIService {self.version}.{self.group} Available={wanted}", judged, timeout_seconds=timeout_seconds)

    def wait_until_served(self, timeout_seconds: float = 60, resource: str = "echoes") -> None:
        """Wait for stages three and four: discovery lists a resource, and a real call of that one succeeds."""
        self.wait_until_answered(self.path, timeout_seconds, listing="resources")
        self.wait_until_answered(f"{self.path}/{resource}", timeout_seconds)

    def wait_until_answered(self, path: str, timeout_seconds: float = 60, *, listing: str = "") -> None:
        """Wait until a GET succeeds, and ``listing``, if given, lists something: what passes requests on may hear of Available late."""

        def answered() -> None:
            answer = self.get(path)
            if answer.status_code != requests.codes.ok or (listing and not answer.json().get(listing)):
                raise NotYet(f"GET {path} answered {answer.status_code}: {answer.text[:200]}")

        wait_for(
            f"GET {path} to {f'list {listing}' if listing else 'succeed'}", answered, timeout_seconds=timeout_seconds
        )
