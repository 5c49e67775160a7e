"""A page of a program as a person sees it: in a headless Chromium, through `kubectl proxy`."""

import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from languages.programs import needs
from pytest_apiservice.base.process import die_with_parent
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.tools import tool

#: Where what was seen is kept, for people.
SCREENSHOTS = Path(__file__).resolve().parents[2] / "reports" / "languages"
PAGE_SECONDS = 120


@contextmanager
def kubectl_proxy(cluster):
    """Yield the URL at which `kubectl proxy` serves the API server."""
    where = [f"--kubeconfig={cluster.kubeconfig}", f"--context={cluster.context}"]
    with subprocess.Popen(
        [tool("kubectl"), *where, "proxy", "--port=0"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - from the main thread
    ) as process:
        try:
            address = re.search(r"[\d.]+:\d+", process.stdout.readline())
            yield f"http://{address[0]}"
        finally:
            process.terminate()


def seen(url, name):
    """Return the document of a page once its scripts have run; a screenshot of it is kept in reports/languages.

    Chromium runs without its own sandbox, which containers often forbid, and is shown nothing but this machine.
    """
    names = [name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)]
    chromium = needs(*names[:1] or ["chromium"], "install it, on Debian by 'apt-get install chromium'")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        common = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
        ]
        common += [f"--user-data-dir={profile}", "--window-size=1280,900", "--virtual-time-budget=10000"]
        run([*common, f"--screenshot={SCREENSHOTS / f'{name}.png'}", url], timeout_seconds=PAGE_SECONDS)
        return run([*common, "--dump-dom", url], timeout_seconds=PAGE_SECONDS).stdout
