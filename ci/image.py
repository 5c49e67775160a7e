"""Build the backend image and print its name (make image)."""

import sys

from harness.engine import ensure_engine
from harness.errors import HarnessError
from harness.image import build_image

try:
    ensure_engine()
    print(build_image())
except HarnessError as error:
    sys.exit(f"error: {error}")
