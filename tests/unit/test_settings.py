"""Configuration: all faults at once, each with its remedy."""

from __future__ import annotations

import dataclasses
import re
import socket
from pathlib import Path

import pytest

from extension_apiserver import Settings, SettingsError
from header_echo.__main__ import main
from unit.running import Backend

MINIMUM = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}


def test_defaults_are_the_seed() -> None:
    """Without any variable the group is the seed's and the bounds are sane."""
    settings = Settings.from_environ(MINIMUM)

    assert (settings.group, settings.versions, settings.port) == ("cats.example.com", ("v1",), 10250)
    assert settings.tls_directory == Path("/var/run/header-echo/tls")
    assert settings.idle_timeout_seconds > 90, "kube-apiserver keeps idle connections for 90 s"
    assert settings.api_server_url == "https://10.96.0.1:443"


def test_ipv6_address_of_kube_apiserver() -> None:
    """An IPv6 address stands in brackets in a URL."""
    assert Settings.from_environ({"KUBERNETES_SERVICE_HOST": "fd00::1"}).api_server_url == "https://[fd00::1]:443"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("GROUP", "cats", "at least two labels"),
        ("GROUP", "Cats.example.com", "DNS name"),
        ("VERSIONS", "v1,", "comma-separated"),
        ("VERSIONS", "v1,v1", "different versions"),
        ("BIND_ADDRESS", "localhost", "IP address"),
        ("PORT", "65536", "port number"),
        ("PORT", "tcp://10.96.3.4:443", "enableServiceLinks"),
        ("DELEGATED_AUTHENTICATION", "yes", "'true' or 'false'"),
        ("SHUTDOWN_DELAY_SECONDS", "-1", "seconds"),
        ("SHUTDOWN_DELAY_SECONDS", "nan", "seconds"),
        ("SHUTDOWN_DELAY_SECONDS", "five", "a number of seconds from 0 to 86400"),
        ("LOG_LEVEL", "loud", "debug, info"),
        ("MAX_BODY_BYTES", "0", "1 or more"),
        ("MAX_BODY_BYTES", "\N{SUPERSCRIPT TWO}", "whole number"),
        ("IDLE_TIMEOUT_SECONDS", "90", "more than 90"),
        ("HEADER_TIMEOUT_SECONDS", "0", "more than 0"),
        ("TLS_DIRECTORY", "tls", "absolute path"),
        ("SERVICE_DNS_NAME", "header-echo", "<service>.<namespace>.svc"),
        ("GRUOP", "cats.example.com", "is not a variable"),
    ],
)
def test_a_fault_is_named(name: str, value: str, sentence: str) -> None:
    """The message names the variable, what it must be, and what it is."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({**MINIMUM, f"EXTENSION_APISERVER_{name}": value})

    assert f"EXTENSION_APISERVER_{name} " in str(raised.value)
    assert sentence in str(raised.value)


def test_a_body_that_never_fits_is_a_fault() -> None:
    """A bound on all bodies together below that on one would be a 503 that invites to come again, for ever."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({**MINIMUM, "EXTENSION_APISERVER_MAX_BYTES_IN_FLIGHT": "1048575"})

    assert str(raised.value) == (
        "EXTENSION_APISERVER_MAX_BYTES_IN_FLIGHT must be at least EXTENSION_APISERVER_MAX_BODY_BYTES, which is 1048576, not '1048575'"
    )
    Settings.from_environ({**MINIMUM, "EXTENSION_APISERVER_MAX_BYTES_IN_FLIGHT": "1048576"})
    Settings.from_environ(
        {**MINIMUM, "EXTENSION_APISERVER_MAX_BYTES_IN_FLIGHT": "99999", "EXTENSION_APISERVER_MAX_BODY_BYTES": "99999"}
    )


def test_all_faults_are_named_at_once() -> None:
    """Nobody has to start three times to find three faults."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({"EXTENSION_APISERVER_GROUP": "x", "EXTENSION_APISERVER_PORT": "y"})

    assert len(str(raised.value).splitlines()) == 3, str(raised.value)


def test_variables_of_a_service_of_the_same_name_are_no_fault() -> None:
    """The kubelet adds these when the Service is called extension-apiserver."""
    links = {"SERVICE_HOST": "10.96.3.4", "SERVICE_PORT": "443", "SERVICE_PORT_HTTPS": "443", "PORT_443_TCP": "tcp://x"}

    Settings.from_environ({**MINIMUM, **{f"EXTENSION_APISERVER_{name}": value for name, value in links.items()}})


def test_variables_of_an_older_version_are_faults() -> None:
    """Each on its line, with the name that it has now; what was no setting then is nobody's business."""
    older = {
        "HEADER_ECHO_GROUP": "a.b",
        "HEADER_ECHO_PORT": "8443",
        "HEADER_ECHO_LOG_LEVEL": "",
        "HEADER_ECHO_IMAGE": "x",
    }
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({**MINIMUM, **older})

    assert str(raised.value).splitlines() == [
        "HEADER_ECHO_GROUP is of an older version: set EXTENSION_APISERVER_GROUP",
        "HEADER_ECHO_LOG_LEVEL is of an older version: set EXTENSION_APISERVER_LOG_LEVEL",
        "HEADER_ECHO_PORT is of an older version: set EXTENSION_APISERVER_PORT",
    ]


def test_every_variable_of_an_older_version_is_a_fault_until_its_successor_is_set() -> None:
    """Then nothing is lost silently, and one manifest can serve both versions of a rollback."""
    fields = [field for field in dataclasses.fields(Settings) if field.metadata["prefixed"]]
    defaults = {field.name.upper(): field.metadata["default"] for field in fields}
    older = {f"HEADER_ECHO_{name}": value for name, value in defaults.items()}
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({**MINIMUM, **older})

    assert len(str(raised.value).splitlines()) == len(fields)
    Settings.from_environ(
        {**MINIMUM, **older, **{f"EXTENSION_APISERVER_{name}": value for name, value in defaults.items()}}
    )


@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
def test_variables_of_services_named_as_an_older_version_are_no_fault(protocol: str) -> None:
    """The kubelet adds these for Services header-echo and header-echo-kubernetes."""
    place = f"{protocol}://10.96.3.4:443"
    links = {"SERVICE_HOST": "10.96.3.4", "SERVICE_PORT": "443", "SERVICE_PORT_HTTPS": "443", "PORT": place}
    links |= {
        f"PORT_443_{protocol.upper()}": place,
        "PORT_10250_TCP_PORT": "10250",
        "KUBERNETES_SERVICE_HOST": "10.96.3.5",
    }

    Settings.from_environ({**MINIMUM, **{f"HEADER_ECHO_{name}": value for name, value in links.items()}})


def test_a_program_with_a_prefix_of_its_own_never_had_the_older_one() -> None:
    """Its variables are those with its prefix, whatever that is."""
    Settings.from_environ({**MINIMUM, "HEADER_ECHO_GROUP": "x"}, prefix="CATS_")

    assert Settings.from_environ({**MINIMUM, "HEADER_ECHO_GROUP": "a.b"}, prefix="HEADER_ECHO_").group == "a.b"


def test_a_wrong_environment_exits_2_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 means called wrongly."""
    monkeypatch.setenv("EXTENSION_APISERVER_GROUP", "x")
    monkeypatch.setenv("HEADER_ECHO_PORT", "8443")
    monkeypatch.setattr("sys.argv", ["header-echo", "serve"])

    assert main() == 2
    error = capsys.readouterr().err
    assert "EXTENSION_APISERVER_GROUP" in error
    assert "HEADER_ECHO_PORT is of an older version: set EXTENSION_APISERVER_PORT\n" in error
    assert "Traceback" not in error


def test_an_unknown_command_exits_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage names the commands."""
    monkeypatch.setattr("sys.argv", ["header-echo", "dance"])

    assert main() == 2
    assert "serve" in capsys.readouterr().err


def test_a_missing_certificate_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The message names the file."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("EXTENSION_APISERVER_TLS_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["header-echo"])

    assert main() == 2
    assert f"{tmp_path}/tls.crt" in capsys.readouterr().err


def test_every_variable_is_documented() -> None:
    """examples/README.md lists each one with its default."""
    text = (Path(__file__).parents[2] / "examples" / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? \|", text, re.MULTILINE))

    assert rows == {field.name.upper(): field.metadata["default"] for field in dataclasses.fields(Settings)}


def test_a_port_that_is_taken_is_named(
    own: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1: the environment is as it should be, and the port may be free the next time."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name, value in own.environ(PORT=str(port)).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["header-echo"])

        assert main() == 1
    assert f"127.0.0.1 port {port}: " in capsys.readouterr().err
