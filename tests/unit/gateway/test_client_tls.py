"""TLS to an upstream: its certificate and name are verified always, and files are read anew when they change."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from extension_apiserver.apps.upstream.client import Client
from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.apps.upstream.tls import ClientTls
from extension_apiserver.trust.files import FileError, Reloaded
from unit.pki import Authority, Pair

SERVERS = Authority("servers")
CLIENTS = Authority("clients")
OTHER = Authority("other")


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """A file with words and an authority."""
    file = tmp_path / "ca.crt"
    file.write_text("words before\n" + SERVERS.pem)
    return file


def shake(
    client: ClientTls, pair: Pair, folder: Path, *, newest: ssl.TLSVersion | None = None
) -> tuple[str, ssl.SSLSocket]:
    """Return the common name that the server saw, and the client's side."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*pair.write(folder, "server"))
    server.load_verify_locations(cadata=CLIENTS.pem)
    server.verify_mode = ssl.CERT_OPTIONAL
    if newest is not None:
        server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        server.maximum_version = newest
        server.set_ciphers("ALL:@SECLEVEL=0")
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    theirs.settimeout(60)
    seen: list[str] = []

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as accepted:
                subject: Any = (accepted.getpeercert() or {}).get("subject", ())
                seen.append(str(dict(part[0] for part in subject).get("commonName", "")))
                accepted.sendall(b"x")
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.context().wrap_socket(ours, server_hostname=client.server_name) as connected:
            connected.recv(1)
    finally:
        ours.close()
        thread.join()
    return seen[0], connected


def server(*names: str) -> Pair:
    return SERVERS.server(*names)


@pytest.mark.parametrize("host", ["pets.default.svc", "pets.default.svc.", "127.0.0.1", "::1"])
def test_an_upstream_that_proves_its_name_is_believed(ca: Path, tmp_path: Path, host: str) -> None:
    assert shake(ClientTls(host=host, ca_file=str(ca)), server(host.rstrip(".")), tmp_path)[0] == ""


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (server("cats"), "Hostname mismatch"),
        (OTHER.server("pets"), "unable to get (local )?issuer certificate|self-signed"),
        (SERVERS.server("pets", days=(-2, -1)), "certificate has expired"),
        (SERVERS.client("pets"), "unsuitable certificate purpose|Hostname mismatch"),
    ],
)
def test_an_upstream_that_does_not_is_refused(ca: Path, tmp_path: Path, pair: Pair, reason: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        shake(ClientTls(host="pets", ca_file=str(ca)), pair, tmp_path)


def test_another_name_can_be_asked_for(ca: Path, tmp_path: Path) -> None:
    client = ClientTls(host="127.0.0.1", ca_file=str(ca), server_name="pets")

    assert shake(client, server("pets"), tmp_path)[0] == ""


def test_without_a_bundle_the_system_is_trusted(tmp_path: Path) -> None:
    client = ClientTls(host="pets")

    with pytest.raises(ssl.SSLCertVerificationError, match="issuer certificate"):
        shake(client, server("pets"), tmp_path)
    assert client.context().verify_mode == ssl.CERT_REQUIRED


def test_an_intermediate_authority_can_be_trusted_by_itself(tmp_path: Path) -> None:
    middle = Authority("middle", SERVERS)
    (tmp_path / "middle.crt").write_text(middle.pem)

    assert shake(ClientTls(host="pets", ca_file=str(tmp_path / "middle.crt")), middle.server("pets"), tmp_path)[0] == ""


def test_versions_before_1_2_are_refused(ca: Path, tmp_path: Path) -> None:
    client = ClientTls(host="pets", ca_file=str(ca))

    with (
        pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL"),
        pytest.warns(DeprecationWarning, match="TLS"),
    ):
        shake(client, server("pets"), tmp_path, newest=ssl.TLSVersion.TLSv1_1)


def test_a_client_certificate_is_shown_and_follows_its_file(ca: Path, tmp_path: Path) -> None:
    certificate, key = CLIENTS.client("gateway").write(tmp_path, "client")
    client = ClientTls(host="pets", ca_file=str(ca), certificate_file=str(certificate), key_file=str(key))
    assert shake(client, server("pets"), tmp_path)[0] == "gateway"
    CLIENTS.client("renewed").write(tmp_path, "client")

    assert shake(client, server("pets"), tmp_path)[0] == "renewed"


def test_a_context_is_kept_while_no_file_changes(ca: Path) -> None:
    client = ClientTls(host="pets", ca_file=str(ca))

    assert client.context() is client.context()


def test_a_new_authority_counts_and_a_bad_one_does_not(
    ca: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = ClientTls(host="pets", ca_file=str(ca))
    with caplog.at_level(logging.ERROR):
        ca.write_text("nothing")
        assert [shake(client, server("pets"), tmp_path)[0] for _ in range(3)] == [""] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"{ca} holds no certificate in PEM, or one that is malformed; what was read before stays in use"
    ]
    assert client.complaint == f"{ca} holds no certificate in PEM, or one that is malformed"
    ca.unlink()
    assert shake(client, server("pets"), tmp_path)[0] == ""
    ca.write_text(OTHER.pem)

    assert shake(client, OTHER.server("pets"), tmp_path)[0] == ""
    assert client.complaint is None
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(client, server("pets"), tmp_path)


def test_half_of_a_new_pair_changes_nothing(ca: Path, tmp_path: Path) -> None:
    certificate, key = CLIENTS.client("gateway").write(tmp_path, "client")
    client = ClientTls(host="pets", ca_file=str(ca), certificate_file=str(certificate), key_file=str(key))
    renewed = CLIENTS.client("renewed")
    certificate.write_text(renewed.certificate)
    assert shake(client, server("pets"), tmp_path)[0] == "gateway"
    assert client.complaint is not None
    assert "are not a usable pair: KEY_VALUES_MISMATCH" in client.complaint
    key.write_text(renewed.key)

    assert shake(client, server("pets"), tmp_path)[0] == "renewed"


@pytest.mark.parametrize(
    ("bundle", "certificate", "key", "sentence"),
    [
        ("", None, None, "ca.crt holds no certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None, None, "ca.crt holds no certificate in PEM, or one that is malformed"),
        (CLIENTS.client("x").key, None, None, "ca.crt holds no certificate in PEM"),
        (None, "", CLIENTS.client("x").key, "are not a usable pair: "),
        (None, "garbage", CLIENTS.client("x").key, "are not a usable pair: "),
        (None, CLIENTS.client("x").certificate, CLIENTS.client("x").key, "are not a usable pair: KEY_VALUES_MISMATCH"),
        (None, CLIENTS.client("x").certificate, "", "are not a usable pair: "),
        (None, CLIENTS.client("x").certificate, CLIENTS.client("x").encrypted_key(), "are not a usable pair: the key is encrypted"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_are_a_sentence(
    ca: Path, tmp_path: Path, bundle: str | None, certificate: str | None, key: str | None, sentence: str
) -> None:
    files = {"ca_file": ca, "certificate_file": tmp_path / "a.crt", "key_file": tmp_path / "a.key"}
    for name, content in zip(files, (bundle, certificate, key), strict=True):
        if content is not None:
            files[name].write_text(content)
    used = {name: str(file) for name, file in files.items() if file.exists()}
    with pytest.raises(FileError, match=sentence):
        ClientTls(host="pets", **used)


def test_missing_files_are_a_sentence(ca: Path, tmp_path: Path) -> None:
    for arguments in (
        {"ca_file": str(tmp_path / "none")},
        {"ca_file": str(ca), "certificate_file": str(tmp_path / "none"), "key_file": str(tmp_path / "none")},
    ):
        with pytest.raises(FileError, match="none cannot be read: No such file"):
            ClientTls(host="pets", **arguments)


def test_files_are_read_once_for_each_change(tmp_path: Path) -> None:
    """Also when they can't be used, whatever number of connections is opened meanwhile."""
    file = tmp_path / "file"
    file.write_text("1")
    readings: list[str] = []

    def make() -> str:
        readings.append(file.read_text())
        if readings[-1] == "bad":
            raise FileError("bad")
        return readings[-1]

    reloaded = Reloaded([file], make)
    for content in ("bad", "longer"):
        file.write_text(content)
        assert [reloaded.value() for _ in range(3)] == [content if content != "bad" else "1"] * 3

    assert readings == ["1", "bad", "longer"]


def test_an_answer_of_many_tls_records_arrives_as_it_was_sent(ca: Path, tmp_path: Path) -> None:
    """OpenSSL gives 16 KiB at a time; asyncio reads several into one buffer, which must not be a copy of ours."""
    body = b"".join(b"%07d\n" % number for number in range(200_000))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*SERVERS.server("127.0.0.1").write(tmp_path, "server"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def received() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        async with server:
            where = origin(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            client = Client(where, ClientTls(host=where.host, ca_file=str(ca)))
            exchange = await client.call("GET", b"/", ())
            parts = []
            while part := await exchange.part():
                parts.append(part)
            exchange.end()
        return b"".join(parts)

    assert asyncio.run(received()) == body
