"""Images on their way to a registry: the name that the chart will ask for, the push, and what a registry's refusal means."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from backend_image import MACHINES, NAME, ROOT, make_context
from base_image import PUBLISHED, VARIABLE, base_image, python_of
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.cache import cache_dir
from pytest_apiservice.programs.go import platform

BUILD_SECONDS = 3000
PUSH_SECONDS = 900
EXAMPLE = "ghcr.io/you"
HOST = r"(?:[a-z0-9]+(?:[.-][a-z0-9]+)*|\[[0-9a-f:]+\])(?::\d+)?"
PLACE = HOST + r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"  # https://github.com/distribution/reference
REFUSALS = {  # in the words of Docker and its registries: what they mean, and what to do about it
    "no basic auth|unauthorized|denied|authentication required": "refuses you: 'docker login {host}' with an account that may push there",
    "server gave HTTP response to HTTPS client": "speaks no TLS: give it a certificate, or name it in Docker's insecure-registries",
    "x509:": "has a certificate that Docker does not trust: put its CA into /etc/docker/certs.d/{host}/ca.crt",
    "dial tcp|no such host|timeout|deadline|connection refused|EOF": "does not answer: correct {variable}, or start it",
}


def version() -> str:
    """Return the tag that the chart asks for unless told otherwise: its appVersion."""
    return str(yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())["appVersion"])


def image_name(registry: str) -> str:
    """Return the name that the backend image has at ``registry``, "ghcr.io/you/header-echo:0.1.0"; without one in the engine alone."""
    return f"{registry}/{NAME}:{version()}" if registry else f"{NAME}:{version()}"


def demand_registry(value: str, variable: str) -> None:
    """Raise HarnessError unless ``value`` is a registry, as "localhost:5000", or a place in one, as "ghcr.io/you"."""
    if re.fullmatch(PLACE, value):
        return
    bare = value.partition("://")[2] or value
    tagged = re.fullmatch(rf"({PLACE})[:@].*", bare.lower())
    if bare != value:
        wrong = "has a scheme"
    elif tagged:
        wrong, bare = "names a tag, which is the chart's to choose", tagged[1]
    elif re.fullmatch(PLACE, value.lower()):
        wrong, bare = "has upper-case letters, which no image's name may have", value.lower()
    else:
        wrong, bare = "is no registry with a place in it", EXAMPLE
    raise HarnessError(f"{variable} is '{value}', which {wrong}: set {variable}={bare}")


def platforms(value: str) -> list[str]:
    """Return the platforms that PLATFORMS, a list separated by commas, names; without one, this machine's.

    Raises:
        HarnessError: it names one that there are no wheels for.
    """
    known = [f"linux/{architecture}" for architecture in MACHINES]
    named = [word.strip() for word in value.split(",") if word.strip()] or [own_platform()]
    if not set(named) <= set(known):
        raise HarnessError(
            f"PLATFORMS is '{value}' and may name {' and '.join(known)}, separated by a comma: correct it"
        )
    return list(dict.fromkeys(named))


def own_platform() -> str:
    """Return what `docker build` builds for here, "linux/amd64"."""
    return f"linux/{platform().partition('-')[2]}"


def push(name: str, variable: str) -> str:
    """Push the engine's image ``name`` and return the digest that it has in the registry.

    Args:
        variable: what the user set to say where, for the error.

    Raises:
        HarnessError: the registry does not take it, with the remedy where Docker's words are known.
    """
    with step(f"pushing {name}"):
        done = run(["docker", "push", name], timeout_seconds=PUSH_SECONDS, check=False)
        if done.returncode != 0:
            raise refusal(name, done.stderr, variable)
    return str(re.findall(r"digest: (sha256:[0-9a-f]{64})", done.stdout)[-1])


def refusal(name: str, said: str, variable: str) -> HarnessError:
    """Return the error for a push of ``name`` about which Docker or helm ``said`` that."""
    first = name.partition("/")[0]
    host = first if re.search(r"[.:]|^localhost$", first) else "docker.io"
    words = (said.strip().splitlines() or ["nothing"])[-1].strip()
    meaning = next((text for pattern, text in REFUSALS.items() if re.search(pattern, said)), "did not take it")
    return HarnessError(f"the registry {host} {meaning.format(host=host, variable=variable)} (pushing {name}: {words})")


def demand_buildx(wish: str, remedy: str) -> None:
    """Raise HarnessError unless Docker has buildx, which ``wish`` needs."""
    if run(["docker", "buildx", "version"], timeout_seconds=30, check=False).returncode != 0:
        raise HarnessError(
            f"{wish} needs Docker's buildx, which is not there: install it (https://docs.docker.com/go/buildx/), or {remedy}"
        )


def demand_published_base(purpose: str) -> str:
    """Return the base that has every platform; raises HarnessError where only the one of this machine is to be had."""
    base = base_image()
    if base != os.environ.get(VARIABLE, PUBLISHED):
        raise HarnessError(
            f"{purpose} is built on {PUBLISHED}, which Docker can't pull here: mend that, or set {VARIABLE}"
        )
    return base


def buildx_command(name: str, base: str, chosen: Sequence[str], context: Path, metadata: Path) -> list[str | Path]:
    """Return the command that builds ``context`` for the platforms ``chosen`` and pushes it; ``metadata`` will hold the digest."""
    where: list[str | Path] = ["docker", "buildx", "build", context, "--platform", ",".join(chosen)]
    return [*where, "--build-arg", f"BASE={base}", "--tag", name, "--metadata-file", metadata, "--push"]


def bills_command(base: str, chosen: Sequence[str], context: Path, folder: Path) -> list[str | Path]:
    """Return the command that writes the bill of materials of each of ``chosen``, as built just before, into a folder of ``folder``."""
    where: list[str | Path] = ["docker", "buildx", "build", context, "--platform", ",".join(chosen)]
    return [*where, "--build-arg", f"BASE={base}", "--target", "sbom", "--output", f"type=local,dest={folder}"]


def digest_in(metadata: Path) -> str:
    """Return the digest that buildx wrote into ``metadata``."""
    return str(json.loads(metadata.read_text())["containerimage.digest"])


def push_for(name: str, chosen: Sequence[str]) -> str:
    """Build the backend image for several platforms, push it as ``name`` and return its digest.

    Raises:
        HarnessError: the published base is missing, or the build or the push failed.
    """
    base = demand_published_base("an image for several platforms")
    with tempfile.TemporaryDirectory(prefix=".backend-image-", dir=cache_dir()) as folder:
        context, metadata = Path(folder) / "context", Path(folder) / "metadata.json"
        context.mkdir()
        make_context(context, python_of(base), [one.partition("/")[2] for one in chosen])
        with step(f"building and pushing {name} for {', '.join(chosen)}"):
            run(buildx_command(name, base, chosen, context, metadata), timeout_seconds=BUILD_SECONDS)
        return digest_in(metadata)


def retag(image: str, name: str) -> None:
    """Give ``image`` the further name ``name``. What had that name goes, unless it has another or a container uses it: nobody would find it again."""
    before = _id(name)
    run(["docker", "tag", image, name], timeout_seconds=30)
    if before and before != _id(name) and not _inspect(before, '{{join .RepoTags ""}}'):
        run(["docker", "image", "rm", before], timeout_seconds=60, check=False)


def _id(name: str) -> str:
    return _inspect(name, "{{.Id}}")


def _inspect(name: str, template: str) -> str:
    """Return what ``template`` says of the image ``name``; "" if the engine has none of that name."""
    command = ["docker", "image", "inspect", "--format", template, name]
    return run(command, timeout_seconds=30, check=False).stdout.strip()
