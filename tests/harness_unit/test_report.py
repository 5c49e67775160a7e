"""The report of a run: whole, escaped, and good to look at in a real browser."""

import re
import shutil
import subprocess
from html import unescape

import pytest

from pytest_apiservice.why.report.html import page
from pytest_apiservice.why.report.model import Run, Stage, Test
from pytest_apiservice.why.report.path import Hop
from pytest_apiservice.why.rules import HEALTHY

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BEGAN = 1_790_000_000.0
CAUSE = "wrong trust in APIService v1.cats.example.com: its caBundle does not hold the CA"
# Put into a copy of the page: what a person would see, measured in the browser.
MEASURE = """<script>
const box = e => e.getBoundingClientRect();
const bars = [...document.querySelectorAll('.track i')];
document.title = JSON.stringify({
  overflow: document.documentElement.scrollWidth - innerWidth,
  outside: bars.filter(b => box(b).right > box(b.parentElement).right + 60 || box(b).left < box(b.parentElement).left - 1).length,
  invisible: bars.filter(b => box(b).height < 1).length,
  bars: bars.length,
  colour: getComputedStyle(document.querySelector('.track .failed')).backgroundColor,
  cause: box(document.querySelector('.cause')).top < innerHeight,
  hops: document.querySelectorAll('.hop').length,
});
</script>"""


def example():
    """Return a run with everything in it: nested stages, each outcome, a path."""
    tests = {
        "tests/e2e/test_echo.py::test_every_method_is_echoed[GET]": Test(
            "tests/e2e/test_echo.py::test_every_method_is_echoed[GET]", BEGAN + 8, {"setup": 4.0, "call": 0.1}
        ),
        "tests/e2e/test_echo.py::test_bad": Test(
            "tests/e2e/test_echo.py::test_bad",
            BEGAN + 12.2,
            {"setup": 0.0, "call": 2.0, "teardown": 0.1},
            "failed",
            "def test_bad():\n>   assert <503> == 200 & more",
            "assert <503> == 200 & more",
            {
                "cause": f"{CAUSE}\n    remedy: set tls.caBundle",
                "diagnostics": "reports/diagnostics/kind/x",
                "requests": "812",
            },
        ),
        "tests/e2e/test_echo.py::test_skipped": Test(
            "tests/e2e/test_echo.py::test_skipped", BEGAN + 14.4, {"setup": 0.0}, "skipped", "only on embedded"
        ),
    }
    return Run(
        BEGAN,
        BEGAN + 15,
        "kind",
        [
            Stage("creating kind cluster 'header-echo-" + "x" * 60 + "'", BEGAN, 7.0, True),
            Stage("waiting for its node", BEGAN + 5, 1.9, True),
            Stage("helm install", BEGAN + 8, 3.0, False),
        ],
        tests,
        [
            Hop("you", [("user", "kubernetes-admin")], "GET /apis/cats.example.com/v1/ over TLS, verified"),
            Hop("backend sees", [("x-remote-group", "system:masters, " + "very-long-group-name-" * 20)]),
        ],
    )


def test_the_page_stands_alone():
    text = page(example())
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", text) == ["diagnostics/kind/x/index.txt"]
    assert "url(" not in text
    assert "<script" not in text


def test_the_page_says_at_its_top_what_failed_and_why():
    text = page(example())
    assert text.index("1 failed, 1 passed, 1 skipped") < text.index(CAUSE) < text.index("<h2>Time</h2>")


def test_where_the_cluster_explains_nothing_the_tests_own_words_come_first():
    run = example()
    run.tests["tests/e2e/test_echo.py::test_bad"].properties["cause"] = HEALTHY
    assert '<p class="cause">assert &lt;503&gt; == 200 &amp; more</p>' in page(run)


def test_what_tests_printed_cannot_become_markup():
    assert "assert &lt;503&gt; == 200 &amp; more" in page(example())


def test_what_a_test_recorded_is_shown_with_it():
    assert "<dt>requests</dt><dd>812</dd>" in page(example())


def test_a_stage_within_another_is_indented():
    assert "<b>&emsp;waiting for its node</b>" in page(example())


@pytest.fixture(scope="module")
def browser():
    """Yield the command of a browser without a window."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    return [found, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_in_a_browser_nothing_overflows_and_the_cause_is_on_the_first_screen(browser, size, tmp_path):
    """In a real Chromium, on a wide and on a narrow screen."""
    file = tmp_path / "run.html"
    file.write_text(page(example()).replace("</body>", MEASURE + "</body>"))
    command = [
        *browser,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={size}",
        "--dump-dom",
        file.as_uri(),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    seen = unescape(re.search("<title>(.*)</title>", shown.stdout).group(1))
    assert '"overflow":0' in seen, seen
    assert '"outside":0,"invisible":0,"bars":9' in seen, seen
    assert '"colour":"rgb(200, 55, 45)"' in seen or '"colour":"rgb(239, 106, 95)"' in seen, seen
    assert '"cause":true,"hops":2' in seen, seen
