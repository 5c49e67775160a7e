"""Write ci/tools/SHA256SUMS: which SHA-256 the releases of the pinned programs have, as their projects publish them now.

From then on no host can give another file. Each published text is asked for; no file is downloaded. Programs without a release are left out.
"""

from collections.abc import Iterator

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs import download, oci, releases
from pytest_apiservice.programs.pinned import IMAGE_ONLY, PROGRAMS
from pytest_apiservice.programs.tools import pinned_version

PLATFORMS = ("linux-amd64", "linux-arm64")
PINS = FAMILIES / "SHA256SUMS"


def lines() -> Iterator[str]:
    """Yield a line for each program and platform."""
    with step("asking for the SHA-256 of the releases") as detail:
        for name, program in {**PROGRAMS, **IMAGE_ONLY}.items():
            for platform in PLATFORMS:
                detail(f"{name} for {platform}")
                family = FAMILIES / program.family
                release = releases.release(program.package, family, pinned_version(name), platform)
                if release is not None:
                    published = download.published if release.checksums else oci.published
                    yield f"{published(release)}  {release.url}"


def main() -> None:
    """Write the file, or nothing if one is missing."""
    if releases.mirror():
        raise HarnessError("APISERVICE_MIRROR is set: pins are what the projects themselves publish, so unset it")
    pins = list(dict.fromkeys(lines()))  # an image has one line for all platforms
    head = [line for line in PINS.read_text().splitlines() if line.startswith("#")]
    PINS.write_text("\n".join([*head, *pins, ""]))


if __name__ == "__main__":
    run_script(main)
