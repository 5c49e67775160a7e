"""Write ci/tools/cert-manager/crds: cert-manager's CRDs as its pinned module has them, without descriptions.

Run it when the version moves. Kept, because to generate them takes a compiler and minutes, and their project publishes no checksum of them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.go import go

FAMILY = FAMILIES / "cert-manager"
MODULE = "github.com/cert-manager/cert-manager"
KEPT = FAMILY / "crds"


def published() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file. The module is fetched through Go's proxy; go.sum has its checksum."""
    answer = run([go(), "mod", "download", "-json", MODULE], cwd=FAMILY, timeout_seconds=600).stdout
    for path in sorted(Path(json.loads(answer)["Dir"]).glob("deploy/crds/*.yaml")):
        crd = _without_descriptions(yaml.safe_load(path.read_text()))
        yield f"{path.stem}.json", json.dumps(crd, separators=(",", ":")) + "\n"


def _without_descriptions(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return ``value`` without what only a reader needs: nine tenths of it. A property may have that name, so a mapping stays."""
    if isinstance(value, dict):
        return {
            key: _without_descriptions(one)
            for key, one in value.items()
            if key != "description" or not isinstance(one, str)
        }
    return [_without_descriptions(one) for one in value] if isinstance(value, list) else value


def main() -> None:
    """Replace the files."""
    files = dict(published())
    KEPT.mkdir(exist_ok=True)
    for path in KEPT.iterdir():
        path.unlink()
    for name, content in files.items():
        (KEPT / name).write_text(content)


if __name__ == "__main__":
    run_script(main)
