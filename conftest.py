"""The harness's fixtures and options, for every test of this project."""

pytest_plugins = ["pytest_apiservice.plugin"]
