"""Say what is being done, how far it is and for how long: a spinner on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True)
PLAIN_INTERVAL_SECONDS = 15.0


@dataclass(frozen=True)
class Finished:
    """A step that ended: when it began (seconds since 1970), how long it took, and whether it succeeded."""

    title: str
    began: float
    seconds: float
    succeeded: bool


finished: list[Finished] = []  # of this process, for the report of a run


def say(text: str) -> None:
    """Print one line to the user, on stderr."""
    console.print(text, markup=False)


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show ``title`` while the block runs, then its outcome and seconds.

    Yields:
        A function that sets the detail shown beside the title ("3 of 7").
    """
    started, began = time.monotonic(), time.time()
    detail = ""
    ended = threading.Event()

    def line() -> str:
        return f"{title}: {detail or 'running'}, {time.monotonic() - started:.0f} s"

    def set_detail(text: str) -> None:
        nonlocal detail
        detail = text

    def show() -> None:
        if console.is_terminal:
            with console.status(line()) as status:
                while not ended.wait(0.5):
                    status.update(line())
        else:
            while not ended.wait(PLAIN_INTERVAL_SECONDS):
                say(f"    {line()}")

    if not console.is_terminal:
        say(f"... {title}")
    ticker = threading.Thread(target=show, daemon=True)
    ticker.start()
    outcome = "FAILED"
    try:
        yield set_detail
        outcome = "done"
    finally:
        ended.set()
        ticker.join()
        finished.append(Finished(title, began, time.monotonic() - started, outcome == "done"))
        say(f"{outcome:>6} {title} ({time.monotonic() - started:.1f} s)")
