"""Makes the store that a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from .memory import MemoryStore
from .protocol import Store
from .sqlite.store import SqliteStore

_FORMS = "memory:, sqlite:///path/of/the/file or postgresql://user:password@host:port/database"


def store_of(url: str) -> Store:
    """Return the store of a URL; nothing is opened before it is used.

    Raises:
        ValueError: the URL names none, or what it needs is not installed; it does not repeat the URL, which may have a password.

    """
    scheme, _, rest = url.partition(":")
    if url == "memory:":
        return MemoryStore()
    if scheme == "sqlite":
        if not rest.startswith("///") or len(rest) == len("///") or "\0" in unquote(rest):
            raise ValueError(
                f"the URL of a store in SQLite must be sqlite:///path/of/the/file, and sqlite:////absolute/path, not '{url[:200]}'"
            )
        return SqliteStore(Path(unquote(rest.removeprefix("///"))))
    if scheme in {"postgresql", "postgres"}:
        try:
            from .postgresql.store import PostgresqlStore
        except ImportError as error:
            raise ValueError(
                f"a store in PostgreSQL needs {error.name}, which is not installed: pip install 'extension-apiserver[postgresql]'"
            ) from error
        return PostgresqlStore(url)
    raise ValueError(f"the URL of a store must be {_FORMS}")
