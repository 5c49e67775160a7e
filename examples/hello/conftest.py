"""app.py on a real API server, installed by the chart with values.yaml; the other fixtures are pytest-apiservice's."""

from pathlib import Path

import pytest
import yaml
from pytest_apiservice.client.api import Api
from pytest_apiservice.embedded.node.images import of_this_python

HERE = Path(__file__).resolve().parent
VALUES = yaml.safe_load((HERE / "values.yaml").read_text())


@pytest.fixture(scope="session")
def image(cluster):
    """The image hello:1; with CLUSTER=embedded, where pods are processes, this Python with app.py stands for it."""
    if cluster.kind == "embedded":
        cluster.load_image("hello:1", of_this_python(str(HERE / "app.py"), packages=["extension_apiserver"]))
    else:
        cluster.load_image("hello:1")
    return "hello:1"


@pytest.fixture(scope="session")
def base_values(base_values):
    """Those of values.yaml, and over them what the cluster calls for."""
    return {**VALUES, **base_values}


@pytest.fixture(scope="session")
def api(cluster, release):
    """The API server, once it serves our group."""
    served = Api(cluster, VALUES["apiService"]["group"])
    served.wait_for_available()
    served.wait_until_answered(f"{served.path}/things", listing="items")
    return served
