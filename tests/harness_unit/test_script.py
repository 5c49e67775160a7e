"""How scripts end."""

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.script import run_script


@pytest.mark.parametrize(("returned", "code"), [(None, None), (0, 0), (1, 1)])
def test_a_script_ends_with_the_exit_code_that_its_main_returns(returned, code):
    with pytest.raises(SystemExit) as ended:
        run_script(lambda: returned)
    assert ended.value.code == code


def test_what_is_not_as_it_must_be_is_one_line():
    def main():
        raise HarnessError("TAG is not set: set it")

    with pytest.raises(SystemExit, match=r"^error: TAG is not set: set it$"):
        run_script(main)


def test_an_error_of_ours_keeps_its_traceback():
    def main():
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        run_script(main)
