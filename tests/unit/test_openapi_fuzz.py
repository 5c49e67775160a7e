"""The served OpenAPI documents describe what the server does: schemathesis makes requests from them and judges the answers."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from requests.adapters import HTTPAdapter
from schemathesis.specs.openapi.checks import positive_data_acceptance

from unit.pki import DNS_NAME
from unit.running import BASE, Backend


class _ServiceName(HTTPAdapter):
    """Verifies the name of the Service, whatever address is dialled."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, server_hostname=DNS_NAME, assert_hostname=DNS_NAME, **options)


@pytest.fixture
def session(shared: Backend) -> requests.Session:
    """The front proxy as a requests session, on behalf of alice."""
    files = shared.pki.proxy.write(shared.directory, "fuzz")
    authority = shared.directory / "serving-ca.crt"
    authority.write_text(shared.pki.serving.pem)
    session = requests.Session()
    session.trust_env = False  # or REQUESTS_CA_BUNDLE of this machine would replace `verify`
    session.mount("https://", _ServiceName())
    session.cert = (str(files[0]), str(files[1]))
    session.verify = str(authority)
    session.headers["X-Remote-User"] = "alice"
    return session


@pytest.mark.unmeasured
@pytest.mark.parametrize("path", ["/openapi/v2", f"/openapi/v3{BASE}"])
def test_answers_are_what_the_document_says(shared: Backend, session: requests.Session, path: str) -> None:
    """Valid and invalid requests: codes, media types and bodies are documented, and nothing is a server error."""
    url = f"https://127.0.0.1:{shared.port}"
    with session:
        schema = schemathesis.openapi.from_dict(session.get(url + path, timeout=10).json())
        operations = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]  # an Err says why
        assert len(operations) == 3
        for operation in operations:
            # As upstream, the documents do not say which fields of the metadata `create` requires, so 422 may meet a valid body.
            @hypothesis.given(case=operation.as_strategy())
            @hypothesis.settings(max_examples=25)
            def judge(case: schemathesis.Case[Any]) -> None:
                response = case.call(base_url=url, session=session, timeout=10, verify=session.verify)
                case.validate_response(response, excluded_checks=[positive_data_acceptance])

            judge()
