"""`Warning` headers, as https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/filters/warning.go."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Characters of all warnings, and of one where they would be more: proxies refuse large headers.
_MOST, _MOST_OF_ONE = 4096, 256
#: Control characters, and halves of characters, which are no UTF-8.
_NONE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def warning_headers(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the headers for texts of any length, each once. A text that no header can carry is left out, as upstream."""
    wanted: list[str] = []
    room = _MOST
    for text in dict.fromkeys(texts):
        if room <= 0:
            break  # there may be a hundred thousand
        if text and not _NONE.search(text):
            wanted.append(text)
            room -= min(len(text), _MOST_OF_ONE)
    if sum(map(len, wanted)) > _MOST:
        wanted = [text[:_MOST_OF_ONE] for text in wanted]
    found: list[tuple[str, str]] = []
    written = 0
    for text in wanted:
        if written >= _MOST:
            break
        written += len(text)
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        # Headers are Latin-1 here, and their bytes UTF-8 there.
        found.append(("Warning", f'299 - "{quoted}"'.encode().decode("latin-1")))
    return found
