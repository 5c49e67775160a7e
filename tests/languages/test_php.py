"""Debian's PHP behind the gateway. To PHP, as to every CGI program, X-Remote-User and X_Remote_User are the same variable."""

import shutil

import pytest

from languages.behind import FORGED, MIB, demand_status
from languages.programs import PINS, Debian


@pytest.fixture(scope="module")
def service(behind):
    """Yield it."""
    php = Debian("php", "php-cli")
    with php.folder() as (folder, inside):
        shutil.copy(PINS / "php" / "index.php", folder)

        def command(port):
            limits = ["-d", "post_max_size=16M", "-S", f"127.0.0.1:{port}", f"{inside}/index.php"]
            return php.command("usr/bin/php[0-9]*", *limits)

        with behind("php", command, readinessPath="/") as service:
            yield service


def test_the_caller_arrives(service):
    user, groups = service.caller()
    server = service.call("/a").json()["server"]
    assert server["HTTP_X_REMOTE_USER"] == user
    assert server["HTTP_X_REMOTE_GROUP"] in (", ".join(groups), groups[-1])


@pytest.mark.parametrize("name", FORGED)
def test_nobody_claims_to_be_somebody_else(service, name):
    user, _ = service.caller()
    answer = service.call("/a", headers={name: "mallory"})
    assert (answer.json()["server"]["HTTP_X_REMOTE_USER"], "mallory" in answer.text) == (user, False)


def test_query_and_encoded_letters_arrive(service):
    seen = service.call("/caf%C3%A9%201?q[]=1%202&q[]=%2F").json()
    assert (seen["server"]["SCRIPT_NAME"], seen["query"]) == ("/café 1", {"q": ["1 2", "/"]})


def test_a_form_arrives(service):
    assert service.call("/form", "POST", data={"cat": "tom"}).json()["form"] == {"cat": "tom"}


def test_five_mebibytes_arrive(service):
    sent = service.call("/", "POST", data=bytes(5 * MIB), headers={"Content-Type": "application/octet-stream"})
    assert sent.json()["length"] == 5 * MIB


def test_cookies_pass_both_ways(service):
    answer = service.call("/", headers={"Cookie": "visits=4"})
    assert (answer.json()["cookies"], answer.cookies["visits"]) == ({"visits": "4"}, "5")


def test_an_error_in_html_is_a_status_with_its_words(service):
    demand_status(service.call("/broken"), 500, "Call to undefined function tomorrow()")
