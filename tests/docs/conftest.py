"""Let the tests import the scripts of ci/ that they are about, and the module beside them."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "ci")]
