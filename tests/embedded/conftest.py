"""Let the tests import the scripts of ci/ and the README's reader that they use."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "docs"), str(ROOT / "ci")]
