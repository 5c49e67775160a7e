"""The fixture `configuration` is each file of chart/ci in turn, `objects` what the chart makes of it."""

import pytest

from chart.rendered import CONFIGURATIONS, render


@pytest.fixture(params=CONFIGURATIONS)
def configuration(request):
    """Each supported configuration, by the name of its file."""
    return request.param


@pytest.fixture
def objects(configuration):
    """The objects of each supported configuration."""
    return render(configuration=configuration)
