"""Let the tests import the scripts of ci/ that they are about, and the module beside them."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CI = HERE.parents[1] / "ci"
sys.path[:0] = map(str, (HERE, CI, CI / "commands", CI / "docs", CI / "interop"))
