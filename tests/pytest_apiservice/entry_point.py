"""What pytest loads of an installed pytest-apiservice (pyproject.toml, pytest11).

The plugin itself has the name of its module whichever way it comes, so that `pytest_plugins` or `-p` may name it too: pytest refuses a
module under two names.
"""

pytest_plugins = ["pytest_apiservice.plugin"]
