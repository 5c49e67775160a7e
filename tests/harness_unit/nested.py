"""A pytest in a process of its own, for what can only be seen from outside: its words, its files, its workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest_apiservice

TESTS = Path(pytest_apiservice.__file__).parents[1]
#: Without it pytest imports every plugin that is installed, in each worker again: two thirds of the time that it needs to start.
#: https://docs.pytest.org/en/stable/how-to/plugins.html#disabling-plugins-from-autoloading
NO_OTHER_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run_pytest(folder, *arguments, **variables):
    """Run the tests in ``folder``, whose conftest.py names the plugin; return what ended, with its text.

    Args:
        folder: also where it runs, and its root; a configuration file in it is not read.
        arguments: pytest's; "-p" names any other plugin, as "xdist.plugin".
        variables: of the environment, beside this process's.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}"]
    environment = os.environ | NO_OTHER_PLUGINS | {"PYTHONPATH": str(TESTS), "COLUMNS": "200"} | variables
    return subprocess.run(
        [*command, *arguments, "test_it.py"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
