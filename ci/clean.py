"""Remove what outlives a run: the demo, kept kind clusters, the Docker engine we started (make clean). The cache stays."""

import sys

import demo
from harness.cache import cache_dir
from harness.engine import stop_engine
from harness.errors import HarnessError
from harness.kind import delete_kept
from harness.progress import say

try:
    demo.clean()
    delete_kept()
    if stop_engine():
        say("stopped the Docker engine that we had started")
    say(f"what was built stays in {cache_dir()} (and in Go's caches): delete it to begin from nothing")
except HarnessError as error:
    sys.exit(f"error: {error}")
