"""Remove what outlives a run, as KEEP=1 asks for: embedded and kind clusters, the Docker engine we started.

python -m pytest_apiservice.clean, or in a checkout make clean. The cache stays.
"""

from pytest_apiservice.base.progress import say
from pytest_apiservice.base.script import run_script
from pytest_apiservice.clusters import kind
from pytest_apiservice.embedded import folder
from pytest_apiservice.images.offline.engine import stop_engine
from pytest_apiservice.programs.cache import cache_dir


def main() -> None:
    """Remove it all, and say what stays."""
    folder.delete_kept()
    kind.delete_kept()
    if stop_engine():
        say("stopped the Docker engine that we had started")
    say(f"what was built stays in {cache_dir()} (and in Go's caches): delete it to begin from nothing")


if __name__ == "__main__":
    run_script(main)
