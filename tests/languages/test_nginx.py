"""Debian's nginx with files, behind the gateway."""

import gzip

import pytest

from languages.behind import FORGED, demand_no_forgery, demand_status
from languages.programs import PINS, Debian

PAGE = '<!DOCTYPE html><link rel=stylesheet href="/style.css"><script src=/a.js></script><a href="b?c&d">e</a>'
TEXT = "".join(f"line {number}\n" for number in range(1000))


@pytest.fixture(scope="module")
def service(behind):
    """Yield it."""
    nginx = Debian("nginx", "nginx-light")
    with nginx.folder() as (folder, inside):
        (folder / "site" / "folder").mkdir(parents=True)
        (folder / "site" / "folder" / "index.html").write_text("<p>in the folder</p>")
        (folder / "site" / "links.html").write_text(PAGE)
        (folder / "site" / "cats.txt").write_text(TEXT)
        (folder / "site" / "with space ä.txt").write_text("found")
        written = (PINS / "nginx" / "nginx.conf").read_text()

        def command(port):
            (folder / "nginx.conf").write_text(written.replace("PORT", str(port)).replace("FOLDER", inside))
            return nginx.command("usr/sbin/nginx", "-c", f"{inside}/nginx.conf")

        with behind("nginx", command, readinessPath="/") as service:
            yield service


def test_the_caller_arrives(service):
    user, _ = service.caller()
    assert service.call("/whoami").text.split()[0] == user


def test_nobody_claims_to_be_somebody_else(service):
    user, _ = service.caller()
    assert demand_no_forgery(service, "/whoami").text.split()[0] == user
    assert FORGED["X-Remote-User"] != user


@pytest.mark.parametrize(("asked", "wanted"), [("bytes=10-19", TEXT[10:20]), ("bytes=-5", TEXT[-5:])])
def test_a_part_of_a_file_arrives_for_a_range(service, asked, wanted):
    answer = service.call("/cats.txt", headers={"Range": asked, "Accept-Encoding": "identity"})
    assert (answer.status_code, answer.text) == (206, wanted)


def test_a_range_that_is_not_there_is_refused(service):
    answer = service.call("/cats.txt", headers={"Range": "bytes=999999-", "Accept-Encoding": "identity"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(TEXT)}"


@pytest.mark.parametrize(("header", "condition"), [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")])
def test_what_has_not_changed_is_not_sent(service, header, condition):
    known = service.call("/cats.txt", headers={"Accept-Encoding": "identity"}).headers[header]
    answer = service.call("/cats.txt", headers={condition: known})
    assert (answer.status_code, answer.content) == (304, b"")


def test_gzip_passes_untouched(service):
    with service.session() as session:
        url = f"{service.server}{service.path}/cats.txt"
        answer = session.get(url, stream=True, timeout=30, headers={"Accept-Encoding": "gzip"})
        packed = answer.raw.read(decode_content=False)
    assert (answer.headers["Content-Encoding"], gzip.decompress(packed).decode()) == ("gzip", TEXT)


def test_head_has_the_length_and_no_body(service):
    answer = service.call("/cats.txt", "HEAD", headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, str(len(TEXT)), b"")


@pytest.mark.parametrize("below", ["", "/proxy"])
def test_a_missing_slash_is_followed_inside(service, below):
    assert service.call(f"{below}/folder").text == "<p>in the folder</p>"


def test_a_browser_is_sent_to_where_the_slash_is_there(service):
    """Else the page's relative links would lead beside it."""
    answer = service.call("/proxy/folder", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (answer.status_code, f'"{service.path}/proxy/folder/"' in answer.text) == (200, True), answer.text


def test_links_of_a_page_stay_what_they_are(service):
    """kube-apiserver would put the pod's address before those that begin with a slash."""
    answer = service.call("/proxy/links.html", headers={"Accept": "text/html"})
    assert (answer.headers["Content-Type"].lower(), answer.text) == ("text/html", PAGE)


def test_a_path_with_encoded_letters_is_found(service):
    assert service.call("/with%20space%20%C3%A4.txt").text == "found"


def test_an_error_in_html_is_a_status_with_its_words(service):
    demand_status(service.call("/nope"), 404, "404 Not Found")


def test_a_code_arrives_as_it_is(service):
    assert service.call("/teapot").status_code == 418
