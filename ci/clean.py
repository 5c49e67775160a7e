"""Remove what outlives a run: the demo, kept clusters, the Docker engine we started (make clean). The cache stays."""

import sys

from pytest_apiservice import clean
from pytest_apiservice.base.errors import HarnessError

try:
    clean.main()
except HarnessError as error:
    sys.exit(f"error: {error}")
