"""Remove what outlives a run: the demo, kept kind clusters, the Docker engine we started (make clean). The cache stays."""

import sys

import demo
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say
from pytest_apiservice.clusters.kind import delete_kept
from pytest_apiservice.images.offline.engine import stop_engine
from pytest_apiservice.programs.cache import cache_dir

try:
    demo.clean()
    delete_kept()
    if stop_engine():
        say("stopped the Docker engine that we had started")
    say(f"what was built stays in {cache_dir()} (and in Go's caches): delete it to begin from nothing")
except HarnessError as error:
    sys.exit(f"error: {error}")
