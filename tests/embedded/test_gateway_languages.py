"""The smallest web services of two languages that are always there, unchanged behind the gateway; those of more languages are `make interop PARTS=languages`."""

from functools import partial
from pathlib import Path

import pytest

from languages.behind import FORGED, MIB, demand_status, installed
from languages.programs import needs
from pytest_apiservice.programs import go as go_toolchain

pytestmark = pytest.mark.only_on("embedded", reason="its pods share this machine's loopback, where the services run")
SERVICES = Path(__file__).with_name("services")


@pytest.fixture(scope="module")
def behind(cluster, cert_manager, base_values, run_id, tmp_path_factory):
    """Yield (name, command, values of the gateway) → a context with the service, once it is served."""
    return partial(installed, cluster, base_values, run_id, tmp_path_factory.mktemp("services"))


@pytest.fixture(scope="module")
def go(behind, tmp_path_factory):
    """Yield a service in Go."""
    program = tmp_path_factory.mktemp("go") / "service"
    go_toolchain.build(".", program, directory=SERVICES / "go", link_flags="", title="building a service in Go")
    with behind(
        "go", lambda port: [program, f"127.0.0.1:{port}"], authorization=True, readinessPath="/headers"
    ) as service:
        yield service


@pytest.fixture(scope="module")
def perl(behind):
    """Yield a service in Perl."""
    perl = needs("perl", "install perl")
    with behind("perl", lambda port: [perl, SERVICES / "service.pl", f"127.0.0.1:{port}"]) as service:
        yield service


@pytest.fixture(params=[pytest.param("go", marks=pytest.mark.interop), "perl"])
def service(request):
    """Yield one of them."""
    return request.getfixturevalue(request.param)


def lines(answer, name):
    """Return the values of the header ``name`` that it saw."""
    pairs = [line.split(": ", 1) for line in answer.text.splitlines() if ": " in line]
    return [value for key, value in pairs if key.lower() == name]


def test_the_caller_arrives_and_groups_one_by_one(service):
    answer, (user, groups) = service.call("/headers"), service.caller()
    assert (lines(answer, "x-remote-user"), sorted(lines(answer, "x-remote-group"))) == ([user], sorted(groups))


def test_nobody_claims_to_be_somebody_else(service):
    answer, (user, _) = service.call("/headers", headers=FORGED), service.caller()
    assert (lines(answer, "x-remote-user"), "mallory" in answer.text) == ([user], False)


def test_kubectl_shows_its_answers(service):
    assert "x-remote-user" in service.raw("/headers?cat=tom").lower()


def test_a_body_of_a_mebibyte_arrives_at_go(go):
    assert go.call("/length", "POST", data=(bytes(65536) for _ in range(MIB // 65536))).text.startswith(f"{MIB} ")


def test_a_body_arrives_at_perl(perl):
    said = perl.call("/%20a?q=%2F", "PUT", json={"cat": "tom"}).text
    assert (said.splitlines()[0], said.rpartition("\n")[2]) == ("PUT /%20a?q=%2F", '{"cat": "tom"}')


def test_what_go_says_bit_by_bit_arrives(go):
    assert go.call("/proxy/ticks").text == "0\n1\n2\n"


def test_a_redirect_within_it_is_followed(go):
    assert "X-Remote-User: " in go.call("/old").text


def test_an_error_in_html_is_a_status_with_its_words(perl):
    demand_status(perl.call("/broken"), 500, "The cat is out")
