"""A program on Javalin and Jetty (Java) behind the gateway."""

import pytest

from languages.behind import MIB, demand_no_forgery, demand_status
from languages.programs import javalin


@pytest.fixture(scope="module")
def service(behind):
    """Yield it."""
    with behind("javalin", javalin(), readinessPath="/headers") as service:
        yield service


def lines(answer, name):
    """Return the values of the header ``name`` that it saw."""
    pairs = [line.split(": ", 1) for line in answer.text.splitlines()]
    return [value for key, value in pairs if key.lower() == name]


def test_the_caller_arrives_and_groups_one_by_one(service):
    answer, (user, groups) = service.call("/headers"), service.caller()
    assert (lines(answer, "x-remote-user"), sorted(lines(answer, "x-remote-group"))) == ([user], sorted(groups))


def test_nobody_claims_to_be_somebody_else(service):
    answer, (user, _) = demand_no_forgery(service, "/headers"), service.caller()
    assert lines(answer, "x-remote-user") == [user]


def test_query_and_encoded_letters_arrive(service):
    said = service.call("/hello/tom%20%C3%A4?q=1%2F2").content.decode()
    assert said == "tom ä {q=[1/2]} /hello/tom%20%C3%A4"


def test_five_mebibytes_arrive(service):
    assert service.call("/length", "POST", data=bytes(5 * MIB)).text == str(5 * MIB)


def test_what_comes_in_chunks_arrives(service):
    assert service.call("/length", "POST", data=(bytes(MIB) for _ in range(5))).text == str(5 * MIB)


def test_events_arrive_in_order(service):
    text = service.call("/proxy/events", headers={"Accept": "text/event-stream"}).text
    assert [line for line in text.splitlines() if line.startswith("data: ")] == ["data: 0", "data: 1", "data: 2"]


def test_what_has_not_changed_is_not_sent(service):
    tag = service.call("/hello/tom").headers["ETag"]
    assert service.call("/hello/tom", headers={"If-None-Match": tag}).status_code == 304


def test_cookies_pass_both_ways(service):
    answer = service.call("/basket", headers={"Cookie": "basket=empty"})
    assert (answer.text, answer.cookies["basket"]) == ("empty", "full")


def test_a_redirect_to_another_path_is_told(service):
    """To follow it, the gateway would have to ask whether the caller may: delegation.authorization, as in test_go_httpbin.py."""
    demand_status(service.call("/old"), 502, f"{service.path}/hello/new")


def test_an_error_in_html_is_a_status_with_its_words(service):
    demand_status(service.call("/broken"), 503, "The stock is counted")


def test_a_code_arrives_as_it_is(service):
    answer = service.call("/busy")
    assert (answer.status_code, "later" in answer.text) == (429, True), answer.text


def test_a_websocket_echoes(service):
    with service.websocket("/proxy/chat") as socket:
        socket.send("miaow")
        assert socket.recv() == "miaow"
