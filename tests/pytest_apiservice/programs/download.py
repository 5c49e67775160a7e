"""Fetch a file of a release: whole, with the SHA-256 it must have, in bounded time; whoever asks can build instead."""

import hashlib
import shutil
import tarfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.programs.releases import Release, named_sha256

ANSWER_SECONDS = 3.0  # until a host says anything: name, connection and TLS included
STALL_SECONDS = 30.0
MOST_SECONDS = 300.0  # for a file: the longest build takes as long
JUDGED_AFTER_SECONDS = 15.0  # from then on a file that would take longer than that is given up
MOST_BYTES = 400 * 2**20
TEXT_BYTES = 2**16
ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
ACCEPT += "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*"
MIB = 2**20
NEEDED_MIB = 500  # of disk: the largest tar and what is in it

_given_up: set[str] = set()  # hosts of this process that were silent or slow: each costs its seconds once


class DownloadError(HarnessError):
    """Why a file was not downloaded; a build does instead."""


def given_up(release: Release) -> bool:
    """Tell whether the release's host was silent or slow before."""
    return release.host in _given_up


def fetch(release: Release, target: Path, title: str) -> None:
    """Write the program of ``release`` to ``target``, verified and executable, with visible progress under ``title``.

    Raises:
        DownloadError: the host is silent, slow or has no such file, or the file is not whole or not the right one.
    """
    expected = release.sha256 or published(release)
    source = "ci/tools/SHA256SUMS pins" if release.sha256 else f"{release.checksums} says"
    file = target.with_name(f"{target.name}.download")
    response = opened(release.url, release)
    with step(title) as detail:
        save(response, file, release, detail, expected, source)
        if not release.member:
            file.rename(target)
        elif unpack(file, release, target):
            file.unlink()
        else:
            raise DownloadError(f"{release.url} has no {release.member}")
        target.chmod(0o755)


def published(release: Release) -> str:
    """Return the SHA-256 that is published beside the file; DownloadError if none is."""
    found = named_sha256(text(release.checksums, release).decode(errors="replace"), release.url.rpartition("/")[2])
    if not found:
        raise DownloadError(f"{release.checksums} has no SHA-256 of {release.url.rpartition('/')[2]}")
    return found


def text(url: str, release: Release) -> bytes:
    """Return what is at ``url``, at most a little more than TEXT_BYTES of it."""
    got, started = b"", time.monotonic()
    with opened(url, release) as response:
        try:
            while len(got) < TEXT_BYTES and time.monotonic() < started + STALL_SECONDS:
                chunk = response.read1(TEXT_BYTES)
                if not chunk:
                    break
                got += chunk
        except (OSError, HTTPException) as error:
            raise DownloadError(f"{url} ended early ({words(error)})") from error
    return got


def opened(url: str, release: Release) -> HTTPResponse:
    """Return the answer to GET ``url``, redirects followed; its first word must come within ANSWER_SECONDS.

    In a thread, because no timeout of Python's ends the look-up of a name.
    """
    answered = threading.Event()
    results: SimpleQueue[HTTPResponse | Exception] = SimpleQueue()

    def ask() -> None:
        request = Request(url, headers={"User-Agent": "pytest-apiservice", "Accept": ACCEPT})  # noqa: S310 - https, or the user's mirror
        try:
            results.put(build_opener(_Redirects(answered)).open(request, timeout=STALL_SECONDS))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            results.put(error)
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    limit = STALL_SECONDS if answered.wait(ANSWER_SECONDS) else ANSWER_SECONDS
    try:
        result = results.get(timeout=limit if answered.is_set() else 0.001)
    except Empty:
        _given_up.add(release.host)
        raise DownloadError(f"{release.host} does not answer within {limit:g} s") from None
    if isinstance(result, HTTPError):
        result.close()
        raise DownloadError(f"{url} answers {result.code}")
    if isinstance(result, OSError | HTTPException | ValueError):
        _given_up.add(release.host)
        raise DownloadError(f"{release.host} cannot be asked ({words(result)})")
    if isinstance(result, Exception):
        raise result
    return result


class _Redirects(HTTPRedirectHandler):
    """Follow redirects, but none from https to what is not, nor off the web; tell that there was an answer."""

    def __init__(self, answered: threading.Event) -> None:
        self.answered = answered

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the request that follows a redirect."""
        self.answered.set()
        if not newurl.startswith(("https://", "http://") if req.type == "http" else "https://"):
            fp.close()
            raise DownloadError(f"{req.full_url} redirects to what is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def save(
    response: HTTPResponse, file: Path, release: Release, detail: Callable[[str], None], expected: str, source: str
) -> None:
    """Write the body to ``file``; ``detail`` hears how far it is. DownloadError unless its SHA-256 is ``expected``, as ``source`` says."""
    with response:
        found = _save(response, file, release, detail)
    if found != expected:
        raise DownloadError(f"{release.url} has the SHA-256 {found}, not {expected} as {source}")


def _save(response: HTTPResponse, file: Path, release: Release, detail: Callable[[str], None]) -> str:
    """Write the body to ``file`` and return its SHA-256; ``detail`` hears how far it is."""
    declared = response.headers.get("Content-Length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 20 else 0  # noqa: PLR2004 - more digits than any file has
    sha, got, started = hashlib.sha256(), 0, time.monotonic()
    try:
        with file.open("wb") as output:
            while chunk := response.read1(2**16):
                output.write(chunk)
                sha.update(chunk)
                got += len(chunk)
                seconds = time.monotonic() - started + 0.001
                detail(
                    f"{got / MIB:.1f} of {f'{size / MIB:.1f}' if size else '?'} MiB, {got / MIB / seconds:.1f} MiB/s"
                )
                if max(got, size) > MOST_BYTES:
                    raise DownloadError(f"{release.url} has more than {MOST_BYTES // MIB} MiB")
                if seconds > JUDGED_AFTER_SECONDS and seconds * max(size / got, 1) > MOST_SECONDS:
                    _given_up.add(release.host)
                    raise DownloadError(f"{release.host} is slow: {got // MIB} MiB in {seconds:.0f} s")
    except (OSError, HTTPException) as error:
        raise DownloadError(f"{release.url} ended after {got} bytes ({words(error)})") from error
    if got < size:
        raise DownloadError(f"{release.url} ended after {got} of {size} bytes")
    return sha.hexdigest()


def unpack(archive: Path, release: Release, target: Path) -> bool:
    """Write the one member of the tar to ``target``, False if it has none; where any other would go doesn't matter, for none is written."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.getmember(release.member)
            content = tar.extractfile(member) if member.isreg() and member.size <= MOST_BYTES else None
            if content is None:
                raise DownloadError(f"{release.url} has something else than a program at {release.member}")
            with content, target.open("wb") as output:
                shutil.copyfileobj(content, output)
    except KeyError:
        return False
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DownloadError(f"{release.url} is no tar that can be read ({words(error)})") from error
    return True


def words(error: Exception) -> str:
    """Return what an error says, without what would command a terminal: a host may have said it."""
    reason = getattr(error, "reason", error)
    text = str(getattr(reason, "strerror", None) or reason or type(error).__name__)
    return "".join(letter if letter.isprintable() else "?" for letter in text.strip()[:200])
