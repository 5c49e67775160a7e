"""Remove what outlives a run: the demo, kept clusters, the Docker engine we started (make clean). The cache stays."""

from pytest_apiservice import clean
from pytest_apiservice.base.script import run_script

if __name__ == "__main__":
    run_script(clean.main)
