"""The site that `make docs-site` has built, as a person sees it: in a real browser, on a desktop and on a phone, by day and by night."""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from website.browser import browser, installed

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "reports" / "site"
PICTURES = ROOT / "reports" / "website"
DESKTOP, PHONE = 1280, 390
#: The pages to keep pictures of, for people.
SHOWN = ("index", "docs/tutorial", "docs/reference", "chart/README")
#: https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = 4.5
SMALLEST_PIXELS = 12
# What of a page a person would see, measured in the browser.
MEASURE = """(() => {
const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
const light = colour => rgb(colour).slice(0, 3).map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
const solid = e => { const c = getComputedStyle(e).backgroundColor; return (rgb(c)[3] ?? 1) > 0 || !e.parentElement ? c : solid(e.parentElement); };
const words = [...document.querySelectorAll('pre, pre span, code')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
const seen = words.map(e => { const s = getComputedStyle(e), [a, b] = [light(s.color), light(solid(e))].sort((x, y) => x - y);
  return [(b + 0.05) / (a + 0.05), parseFloat(s.fontSize), e.textContent.trim().slice(0, 30), s.color]; });
const scrolled = e => e.matches('article') ? false : ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || scrolled(e.parentElement);
const beyond = e => { const b = e.getBoundingClientRect(); return b.width > 0 && b.right > innerWidth + 1; };
return {
  beyond: [...document.querySelectorAll('article *')].filter(e => beyond(e) && !scrolled(e.parentElement)).map(e => e.outerHTML.slice(0, 60)),
  overflow: document.documentElement.scrollWidth - innerWidth,
  cut: [...document.querySelectorAll('pre')].filter(e => e.scrollWidth > e.clientWidth && !['auto', 'scroll'].includes(getComputedStyle(e).overflowX)).length,
  faint: seen.filter(w => w[0] < CONTRAST).map(w => `${w[2]} in ${w[3]}: ${w[0].toFixed(1)}`),
  small: seen.filter(w => w[1] < PIXELS).map(w => `${w[2]}: ${w[1]} pixels`),
};
})()""".replace("CONTRAST", str(CONTRAST)).replace("PIXELS", str(SMALLEST_PIXELS))
MENU = """(() => {
const links = [...document.querySelectorAll('.sidebar-tree a')];
const inside = a => { const b = a.getBoundingClientRect(); return b.width > 0 && b.left >= 0 && b.right <= innerWidth; };
return {links: links.map(a => a.href), shown: links.filter(inside).length};
})()"""
OPEN_MENU = """(async () => {
const button = document.querySelector('.mobile-header label[for=__navigation]');
const box = button.getBoundingClientRect();
if (!box.width || box.right > innerWidth) return false;
button.click();
await Promise.all(document.querySelector('.sidebar-drawer').getAnimations().map(a => a.finished));
return true;
})()"""


@dataclass
class Seen:
    """What was seen of the whole site: page and screen → what is wrong, and whom it asked for something."""

    wrong: dict[str, Mapping] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)

    def of(self, kind):
        """Return where there is something of a kind that should not be, and what."""
        return {where: facts[kind] for where, facts in self.wrong.items() if facts[kind]}


class Quiet(SimpleHTTPRequestHandler):
    """Files, and no log."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def url():
    """Yield where the built site is served, on loopback."""
    assert SITE.is_dir(), "make docs-site builds it"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """Yield a page of a browser."""
    program = installed()
    if program is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def pages():
    """Yield the names of all pages of the site."""
    found = sorted(
        str(path.relative_to(SITE).with_suffix("")) for path in SITE.rglob("*.html") if "_static" not in path.parts
    )
    assert {"index", "docs/tutorial", "chart/README"} <= set(found)
    return found


@pytest.fixture(scope="module")
def seen(tab, url, pages):
    """Yield what was seen of each page on each screen."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    seen = Seen()
    for page in pages:
        tab.show(DESKTOP)
        tab.open(f"{url}{page}.html")
        for width, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            tab.show(width, scheme=scheme)
            where = f"{page}, {width} pixels wide, {scheme}"
            seen.wrong[where] = {**tab.value(MEASURE), "faults": tab.faults}
            if page in SHOWN:
                tab.picture(PICTURES / f"{page.replace('/', '-')}-{width}.png")
        seen.requests |= set(tab.requests)
    return seen


def test_no_page_scrolls_sideways(seen):
    assert {where: pixels for where, pixels in seen.of("overflow").items() if pixels > 0} == {}


def test_nothing_lies_beyond_the_edge_of_the_screen(seen):
    """The theme hides what does on a phone, where nothing scrolls then and nobody sees it."""
    assert seen.of("beyond") == {}


def test_what_is_wider_than_the_screen_in_a_code_block_can_be_scrolled_to(seen):
    assert seen.of("cut") == {}


def test_code_stands_out_from_its_background(seen):
    assert seen.of("faint") == {}


def test_code_is_large_enough_to_read(seen):
    assert seen.of("small") == {}


def test_the_console_stays_silent(seen):
    assert seen.of("faults") == {}


def test_nothing_is_asked_of_another_machine(seen, url):
    assert [one for one in seen.requests if not one.startswith((url, "data:"))] == []


def test_every_page_is_in_the_navigation(tab, url, pages):
    tab.show(DESKTOP)
    tab.open(f"{url}index.html")
    menu = tab.value(MENU)
    assert menu["shown"] == len(menu["links"])
    named = {link.partition("#")[0].removeprefix(url).removesuffix(".html") for link in menu["links"]}
    assert set(pages) - named - {"index", "README", "docs/README", "search"} == set()


def test_on_a_phone_the_navigation_is_a_tap_away(tab, url):
    tab.show(PHONE)
    tab.open(f"{url}docs/tutorial.html")
    assert tab.value(MENU)["shown"] == 0, "it would stand over the page"
    assert tab.value(OPEN_MENU), "there is no button for it"
    menu = tab.value(MENU)
    assert menu["shown"] == len(menu["links"])
    tab.picture(PICTURES / "navigation-390.png")


def test_the_search_finds_a_word_of_the_pages(tab, url):
    tab.show(DESKTOP)
    tab.open(f"{url}search.html?q=front-proxy")
    found = """new Promise(done => {
      const look = () => document.querySelector('.search li a') ? done(document.querySelector('.search li a').href) : setTimeout(look, 50);
      look();
    })"""
    link = tab.value(found)
    assert re.fullmatch(re.escape(url) + r".+\.html.*", link), json.dumps(link)


def test_the_home_page_is_there_under_its_own_name_too(tab, url):
    tab.open(url)
    assert tab.value("document.querySelector('h1').firstChild.data") == "header-echo"
