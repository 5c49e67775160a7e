"""A program on axum and hyper (Rust) behind the gateway."""

import pytest

from languages.behind import MIB, demand_echo, demand_no_forgery, demand_status, each_below
from languages.programs import axum


@pytest.fixture(scope="module")
def service(behind):
    """Yield it."""
    with behind("axum", axum(), readinessPath="/headers") as service:
        yield service


def lines(answer, name):
    """Return the values of the header ``name`` that it saw."""
    pairs = [line.split(": ", 1) for line in answer.text.splitlines()]
    return [value for key, value in pairs if key == name]


@each_below()
def test_the_caller_arrives_and_groups_one_by_one(service, below):
    answer, (user, groups) = service.call(f"{below}/headers"), service.caller()
    assert (lines(answer, "x-remote-user"), sorted(lines(answer, "x-remote-group"))) == ([user], sorted(groups))


def test_nobody_claims_to_be_somebody_else(service):
    answer, (user, _) = demand_no_forgery(service, "/headers"), service.caller()
    assert lines(answer, "x-remote-user") == [user]


def test_query_and_encoded_letters_arrive(service):
    said = service.call("/hello/tom%20%C3%A4?q=1%2F2&q=3").text
    assert said == 'tom ä [("q", "1/2"), ("q", "3")] /hello/tom%20%C3%A4?q=1%2F2&q=3'


def test_five_mebibytes_arrive(service):
    assert service.call("/length", "POST", data=bytes(5 * MIB)).text == str(5 * MIB)


@each_below()
def test_events_arrive_in_order(service, below):
    text = service.call(f"{below}/events").text
    assert [line for line in text.splitlines() if line.startswith("data: ")] == ["data: 0", "data: 1", "data: 2"]


def test_head_has_the_length_and_no_body(service):
    answer = service.call("/hello/tom", "HEAD")
    assert (answer.status_code, int(answer.headers["Content-Length"]) > 0, answer.content) == (200, True, b"")


def test_a_redirect_to_another_path_is_told(service):
    """To follow it, the gateway would have to ask whether the caller may: delegation.authorization, as in test_go_httpbin.py."""
    demand_status(service.call("/old"), 502, f"{service.path}/hello/new")


def test_an_error_in_html_is_a_status_with_its_words(service):
    demand_status(service.call("/broken"), 418, "I'm a teapot")


@each_below()
def test_a_websocket_echoes(service, below):
    demand_echo(service, f"{below}/chat")
