"""Release: check that versions agree, cut the changelog, build; with PUSH, publish image, chart, Python distributions and notes, signed.

Without PUSH nothing leaves this machine, and what would is printed. With PUSH=ghcr.io/owner and TAG=v1.2.3: the image
ghcr.io/owner/header-echo for both architectures with SBOM and provenance, the chart ghcr.io/owner/charts/header-echo with that image's
digest as its default, keyless signatures of both (https://docs.sigstore.dev/cosign/signing/overview/), and the GitHub release with the
bills of materials of the image's Python part and the Python distributions. COSIGN_KEY=cosign.key signs with that key instead.
PYPI=1 uploads the distributions to PyPI too, as its trusted publisher in the workflow (https://docs.pypi.org/trusted-publishers/),
elsewhere with twine's own settings.

A registry on this machine, PUSH=localhost:5000, is a rehearsal with what is there: one architecture, no SBOM and provenance by
BuildKit, no PyPI, no GitHub release, and signatures only with COSIGN_KEY, since keyless ones need Sigstore's servers.
All results are in dist/.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import distributions
from backend_image import MACHINES, make_context
from base_image import PUBLISHED, base_image, python_of
from image_push import (
    bills_command,
    buildx_command,
    demand_buildx,
    demand_published_base,
    demand_registry,
    digest_in,
    own_platform,
    push,
    refusal,
)
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script
from pytest_apiservice.images.offline.engine import ensure_engine
from pytest_apiservice.programs.tools import tool

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "ci" / "docs"))

from released_chart import package  # noqa: E402 - found by the line above
from versions import changelog, released_version  # noqa: E402

DIST = ROOT / "dist"
CONTEXT = DIST / "image"
BUILD_SECONDS = 3000
PUSH_SECONDS = 300
REHEARSAL = "localhost", "127.0.0.1", "[::1]"
# Signs without Sigstore's servers: https://docs.sigstore.dev/cosign/signing/signing_with_containers/
NO_SERVICES = '{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}\n'


class Release:
    """One version on its way to ``registry``; unless ``really``, the commands are printed instead."""

    def __init__(self, version: str, registry: str, *, really: bool) -> None:
        """Tell a rehearsal by the registry: one on this machine."""
        self.version = version
        self.registry = registry
        self.really = really
        self.rehearsal = bool(re.match(rf"({'|'.join(map(re.escape, REHEARSAL))})(:\d+)?(/|$)", registry))
        self.image = f"{registry}/header-echo"
        self.platforms = [own_platform()] if self.rehearsal else [f"linux/{one}" for one in MACHINES]
        self.key = os.environ.get("COSIGN_KEY", "")

    def do(self, title: str, *command: str | Path, timeout_seconds: float = PUSH_SECONDS) -> str:
        """Run ``command`` and return what it says, or print it."""
        if not self.really:
            words = " ".join(str(word).replace(f"{ROOT}/", "") for word in command)
            say(f"would run: {words}")
            return ""
        with step(title):
            done = run(command, cwd=ROOT, timeout_seconds=timeout_seconds)
        return done.stdout + done.stderr

    def prepare(self) -> str:
        """Fill dist/image with backend/ and the wheels for each architecture; return the base to build on."""
        if not self.really:
            return PUBLISHED
        if not self.rehearsal:
            demand_buildx("a release", "push it to a registry on this machine, as a rehearsal")
        ensure_engine()
        base = base_image() if self.rehearsal else demand_published_base("a release")
        CONTEXT.mkdir()
        make_context(CONTEXT, python_of(base), [one.partition("/")[2] for one in self.platforms])
        return base

    def push_image(self, base: str) -> str:
        """Build the image on ``base`` and push it; return its digest."""
        name = f"{self.image}:{self.version}"
        label = ["--label", f"org.opencontainers.image.version={self.version}"]
        if self.rehearsal:
            arguments = ["--build-arg", f"BASE={base}", *label]
            self.do("image", "docker", "build", CONTEXT, *arguments, "--tag", name, timeout_seconds=BUILD_SECONDS)
            return push(name, "PUSH")
        metadata = DIST / "image.json"
        build = buildx_command(name, base, self.platforms, CONTEXT, metadata)
        self.do("image", *build, "--sbom=true", "--provenance=mode=max", *label, timeout_seconds=BUILD_SECONDS)
        self.do("bills of materials", *bills_command(base, self.platforms, CONTEXT, DIST / "sbom"))
        return digest_in(metadata) if self.really else ""

    def bills(self) -> list[Path]:
        """Return the bills of materials, under names that a release's page can tell apart."""
        named = {DIST / f"sbom-{one}.cdx.json": DIST / "sbom" / f"linux_{one}" / "sbom.cdx.json" for one in MACHINES}
        if self.really:
            for name, written in named.items():
                shutil.copy(written, name)
        return list(named)

    def push_chart(self, chart: Path) -> str:
        """Push the packaged chart; return its digest."""
        helm = tool("helm") if self.really else "helm"
        plain = ["--plain-http"] if self.rehearsal else []
        try:
            said = self.do("chart", helm, "push", chart, f"oci://{self.registry}/charts", *plain)
        except HarnessError as error:
            raise refusal(f"{self.registry}/charts/header-echo", str(error), "PUSH") from error
        return str(re.findall(r"Digest: (sha256:\w+)", said)[0]) if self.really else "<digest>"

    def sign(self, reference: str) -> None:
        """Sign what is in the registry under ``reference``: with the workflow's identity, or with COSIGN_KEY."""
        options: list[str | Path] = []
        if self.key:
            options += ["--key", self.key]
        if self.rehearsal:
            services = DIST / "signing-config.json"
            services.write_text(NO_SERVICES)
            options += ["--signing-config", services, "--allow-http-registry"]
        cosign = tool("cosign") if self.really else "cosign"
        self.do(f"signature of {reference}", cosign, "sign", "--yes", *options, reference)

    def upload(self, packages: list[Path]) -> None:
        """Upload the Python distributions if PYPI asks for it; what an interrupted release has uploaded is left alone."""
        if os.environ.get("PYPI", "") in ("", "0"):
            say("not on PyPI: PYPI=1 uploads the distributions there too")
            return
        python = sys.executable if self.really else "python"
        self.do("PyPI", python, "-m", "twine", "upload", "--non-interactive", "--skip-existing", *packages)

    def publish(self) -> None:
        """Build the distributions, push image and chart, sign both, upload the distributions, make the GitHub release."""
        base = self.prepare()
        packages = distributions.build(DIST / "python")
        distributions.check(packages)
        digest = self.push_image(base)
        chart = package(self.version, self.registry, digest, DIST)
        say(f"{self.version}: dist/{chart.name} and dist/notes.md are ready")
        chart_digest = self.push_chart(chart)
        if self.key or not self.rehearsal:
            for signed in (
                f"{self.image}@{digest or '<digest>'}",
                f"{self.registry}/charts/header-echo@{chart_digest}",
            ):
                self.sign(signed)
        else:
            say("not signed: keyless signatures need Sigstore's servers; COSIGN_KEY=cosign.key signs without them")
        if self.rehearsal:
            say(
                f"a rehearsal, for {self.platforms[0]} alone: no SBOM and provenance by BuildKit, no PyPI, no GitHub release"
            )
        else:
            self.upload(packages)
            notes: list[str | Path] = ["--verify-tag", "--notes-file", DIST / "notes.md"]
            self.do(
                "GitHub release", "gh", "release", "create", f"v{self.version}", *notes, chart, *self.bills(), *packages
            )
        if self.really:
            chosen = f"oci://{self.registry}/charts/header-echo --version {self.version}"
            say(f"published: helm install header-echo {chosen} --namespace header-echo --create-namespace")


def main() -> None:
    """Check, then publish or say what would be."""
    registry, tag = os.environ.get("PUSH", "").lower(), os.environ.get("TAG", "")
    if registry and not tag:
        raise HarnessError("PUSH needs TAG too: set TAG=v<version>, the tag that is released")
    if registry:
        demand_registry(registry, "PUSH")
    version = released_version(tag)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    (DIST / "notes.md").write_text(changelog(version, dated=bool(registry)))
    Release(version, registry or "<registry>", really=bool(registry)).publish()


if __name__ == "__main__":
    run_script(main)
