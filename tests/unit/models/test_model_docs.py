"""The programs of docs/resources.md, "With pydantic", and what that section shows."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from extension_apiserver import Resource
from extension_apiserver.models.validation import MOST_VALUES
from unit.models.cats import causes, fields_of
from unit.models.test_functions import answer_of
from unit.registry.client import Cats, cat

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "resources.md").read_text()
SECTION = PAGE.partition("\n## With pydantic\n")[2].partition("\n## ")[0]
PROGRAMS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL))


def run(name: str, folder: Path) -> dict[str, Any]:
    """Run a program of the section; return its names."""
    path = folder / name
    path.write_text(PROGRAMS[name])
    return runpy.run_path(str(path))


def test_the_model_is_the_resource_of_the_first_program(tmp_path: Path) -> None:
    """The same schema but for descriptions, the same column, the same subresources."""
    made: Resource = run("model.py", tmp_path)["cats"]
    (first,) = re.findall(r"^```python\n# cats\.py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "cats.py").write_text(first)
    other: Resource = runpy.run_path(str(tmp_path / "cats.py"))["cats"]

    assert made.fields["spec"]["required"] == other.fields["spec"]["required"]
    assert made.fields["spec"]["properties"] == other.fields["spec"]["properties"]
    assert [one.name for one in made.columns] == [one.name for one in other.columns]
    assert (made.kind, made.description, made.status, made.scale) == (
        other.kind, other.description, other.status, other.scale,
    )  # fmt: skip


def test_its_validator_says_what_the_page_shows(tmp_path: Path) -> None:
    """The words are kubectl's, which puts the kind before them."""
    (shown,) = re.findall(r'`The Cat "tom" is invalid: (\w+): (.*)`', SECTION)
    with Cats(**fields_of(run("model.py", tmp_path)["cats"])) as client:
        answer = client.send("POST", "", cat("tom", spec={"colour": "white", "kittens": 1}))
        assert causes(answer) == [shown]
        assert client.create("tom", spec={"colour": "white"})["spec"] == {"colour": "white", "kittens": 0}


def test_its_functions_get_and_return_models(tmp_path: Path) -> None:
    """A bowl that was filled is there."""
    names = run("computed.py", tmp_path)
    made: Resource = names["bowls"]
    bowls: dict[str, BaseModel] = names["BOWLS"]
    path = "/apis/zoo.example.com/v1/bowls"

    dry = answer_of(made, "POST", f"{path}?dryRun=All", {"metadata": {"name": "a"}})
    assert (dry.code, bowls) == (201, {})
    assert answer_of(made, "POST", path, {"metadata": {"name": "a"}, "grams": 5}).json["grams"] == 5
    assert answer_of(made, "GET", f"{path}/a").json["grams"] == 5
    assert [one["metadata"]["name"] for one in answer_of(made, "GET", path).json["items"]] == ["a"]
    assert answer_of(made, "GET", f"{path}/b").code == 404


@pytest.mark.parametrize("name", ["model.py", "computed.py"])
def test_the_programs_are_run_here(name: str) -> None:
    """And there are no others."""
    assert name in PROGRAMS
    assert len(PROGRAMS) == 2


def test_the_limit_is_the_one_that_the_page_names() -> None:
    """As a person writes it."""
    assert f"{MOST_VALUES:,} values" in SECTION
