"""The fixture `configuration` is each file of chart/ci in turn, `objects` what the chart makes of it."""

import sys

import pytest

from chart.configurations import CONFIGURATIONS
from chart.rendered import render
from pytest_apiservice.client.helm import CHART

sys.path.insert(0, str(CHART.parent / "ci" / "docs"))  # for the tests of its scripts


@pytest.fixture(params=CONFIGURATIONS)
def configuration(request):
    """Each supported configuration, by the name of its file."""
    return request.param


@pytest.fixture
def objects(configuration):
    """The objects of each supported configuration."""
    return render(configuration=configuration)
