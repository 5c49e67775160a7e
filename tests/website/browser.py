"""A Chromium without a window, told what to do by its own protocol: https://chromedevtools.github.io/devtools-protocol/.

Only so has a page the width of a phone: a window of Chromium's is never narrower than 500 pixels.
"""

import base64
import itertools
import json
import re
import shutil
import subprocess
from contextlib import contextmanager

from websockets.sync.client import connect

from pytest_apiservice.base.process import die_with_parent

NAMES = ("chromium", "chromium-browser", "google-chrome")
ANSWER_SECONDS = 120
FAULTS = {
    "Runtime.exceptionThrown": lambda event: event["exceptionDetails"]["text"],
    "Log.entryAdded": lambda event: event["entry"]["text"] if event["entry"]["level"] == "error" else None,
    "Runtime.consoleAPICalled": lambda event: str(event["args"]) if event["type"] in ("error", "assert") else None,
}


def installed():
    """Return the path of a browser, None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser(program, profile):
    """Yield a Tab of a browser that runs until the end; it keeps its files in the folder ``profile``.

    Without its own sandbox, which containers often forbid; it is shown nothing but this machine.
    """
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"]
    words += ["--hide-scrollbars", "--no-first-run", "--disable-background-networking"]
    command = [program, *words, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - from the main thread
    ) as process:
        try:
            address = next(filter(None, (re.search(r"listening on (ws://\S+)", line) for line in process.stderr)))[1]
            with connect(address, max_size=None) as connection:
                yield Tab(connection)
        finally:
            process.terminate()


class Tab:
    """A page of the browser, and what it did since it was opened last."""

    def __init__(self, connection):
        self._connection, self._session, self._numbers = connection, None, itertools.count(1)
        self.faults, self.requests, self._loaded = [], [], False
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method, **parameters):
        """Return what the browser answers to a command."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters, **session}))
        while (message := self._next()).get("id") != number:
            pass
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    def _next(self):
        message = json.loads(self._connection.recv(ANSWER_SECONDS))
        name, event = message.get("method"), message.get("params")
        if name in FAULTS and (fault := FAULTS[name](event)):
            self.faults.append(fault)
        elif name == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif name == "Page.loadEventFired":
            self._loaded = True
        return message

    def show(self, width, height=900, scheme="light"):
        """Have a screen of that size in pixels, whose owner likes it light or dark."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        """Go to a page, and come back when it and its scripts have been loaded."""
        self.faults, self.requests, self._loaded = [], [], False
        self("Page.navigate", url=url)
        while not self._loaded:
            self._next()

    def value(self, expression):
        """Return what JavaScript makes of an expression, awaited."""
        answer = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path):
        """Keep what the screen shows, as a PNG."""
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot")["data"]))
