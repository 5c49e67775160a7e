"""A PostgreSQL of one's own: Debian's programs as unprivileged processes, in a temporary folder, on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psycopg
import psycopg.sql

from pytest_apiservice.base.process import die_with_parent
from pytest_apiservice.base.wait import NotYet, wait_for

TIMEOUT_SECONDS = 60


def quick_folder(prefix: str) -> Path:
    """Return a new folder, in memory where there is such a place: a disk takes milliseconds for what must be on it."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp chooses a name that nobody else has
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if memory.is_dir() else None))


def programs() -> Path | None:
    """Return the folder with initdb and postgres; None where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


class Server:
    """One database."""

    def __init__(
        self, bin_folder: Path, *, folder: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Make and start one; by default in a quick folder, and `settings` go before those that are quick."""
        # A Unix socket's path is short: 107 bytes.
        self.folder = folder or quick_folder("pg-")
        self._settings = settings
        self.log = self.folder / "log"
        self._bin = bin_folder
        self._user = None
        if os.geteuid() == 0:  # postgres refuses to run as root
            self._user = pwd.getpwnam("nobody").pw_uid
            os.chown(self.folder, self._user, -1)
        command: list[str | Path] = [
            bin_folder / "initdb",
            "-D",
            self.folder / "data",
            "--auth=trust",
            "--username=cats",
            "--no-sync",
            "--wal-segsize=1",
        ]
        subprocess.run(
            command, check=True, capture_output=True, timeout=TIMEOUT_SECONDS, user=self._user, cwd=self.folder
        )
        self.start()

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"postgresql://cats@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "log_statement": "all",
            # The tests kill processes, and not the machine: what was written to files is there.
            "fsync": "off",
            "autovacuum": "off",
            "shared_buffers": "16MB",
            "max_connections": "60",
            "max_wal_size": "64MB",
            "min_wal_size": "32MB",
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - it calls two functions of the kernel
            )

        def ready() -> None:
            words = self.log.read_text()
            if "ready to accept connections" not in words.rpartition("starting PostgreSQL")[2]:
                raise NotYet(words[-1000:])

        wait_for("PostgreSQL", ready, timeout_seconds=TIMEOUT_SECONDS, interval_seconds=0.02)

    def processes(self) -> list[int]:
        """Return the ids of its processes, the first of all first."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [self._process.pid, *map(int, children.split())]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        for process in self.processes():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """Let it end as in a loss of power."""
        self.signal(signal.SIGKILL)
        self._process.wait(TIMEOUT_SECONDS)

    def statements(self) -> list[str]:
        """Return what clients have asked since the start."""
        marks = ("LOG:  statement: ", "LOG:  execute ")
        return [line for line in self.log.read_text().splitlines() if any(mark in line for mark in marks)]

    def wait_for_leaving(self, application_name: str) -> None:
        """Wait until a client that was killed is gone here too: what it asked last is done or will not be."""

        def gone() -> None:
            with psycopg.connect(self.url, autocommit=True) as connection:
                asked = "SELECT query FROM pg_stat_activity WHERE application_name = %s"
                if left := connection.execute(asked, (application_name,)).fetchall():
                    raise NotYet(f"{left}")

        wait_for(f"the end of {application_name}", gone, timeout_seconds=TIMEOUT_SECONDS, interval_seconds=0.02)

    def empty(self, schema: str) -> None:
        """Take back whatever was written to a schema of a store."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            if connection.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() == (None,):
                return  # no store of the test has been used
            for statement in (
                "DELETE FROM {0}.versions",
                "DELETE FROM {0}.objects",
                "DELETE FROM {0}.marks",
                "UPDATE {0}.state SET revision = 0, written = 0",
                "UPDATE {0}.compaction SET revision = 0",
            ):
                connection.execute(psycopg.sql.SQL(statement).format(psycopg.sql.Identifier(schema)))

    def close(self) -> None:
        """End it and remove its folder."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # at once
            self._process.wait(TIMEOUT_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
