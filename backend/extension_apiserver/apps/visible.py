"""Which header lines an application may see, whatever it is written in: none that claims who calls, and no credential."""

from __future__ import annotations

import functools

from extension_apiserver.trust.identity import IDENTITY_PREFIX

#: A body arrives without the chunks in which it was sent.
_KEPT_BACK = frozenset({b"authorization", b"transfer-encoding"})


#: A stranger's long names must not stay in memory.
_LONGEST_CACHED = 128


def is_visible(name: bytes) -> bool:
    """Return whether an application may see lines of this name, in lower case; the names of the ConfigMap are `identity_names`.

    Frameworks fold `_` and `-`, so a name with an underscore may be another's look-alike.
    """
    return (_known if len(name) <= _LONGEST_CACHED else _decide)(name)


def _decide(name: bytes) -> bool:
    return name not in _KEPT_BACK and not name.startswith(IDENTITY_PREFIX) and b"_" not in name


_known = functools.lru_cache(maxsize=256)(_decide)
