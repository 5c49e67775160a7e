"""Make .venv with tox, from pinned and hashed requirements. Runs under any Python 3, to say what is missing."""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")


def main() -> None:
    """Make the environment; stop with one sentence if this Python cannot."""
    version = "%d.%d" % sys.version_info[:2]
    if sys.version_info < (3, 11):
        sys.exit(
            "Python %s is too old: install Python 3.11 or newer and say which, as in 'make PYTHON=python3.12'" % version
        )
    try:
        import ensurepip
        import venv
    except ImportError as error:
        sys.exit("Python lacks %s: on Debian or Ubuntu, 'apt-get install python3-venv'" % error.name)
    print("... making .venv with tox")
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True)
    pip = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = os.path.join(ROOT, "requirements", "tox.txt")
    if subprocess.call([*pip, "--require-hashes", "-r", requirements]) != 0:
        sys.exit("pip could not install requirements/tox.txt (its words are above): is the package index reachable?")
    with open(os.path.join(VENV, "done"), "w"):
        pass


main()
