"""`pattern` of a schema, in the language of Go and in time that grows only with the length of the value.

The author of a schema writes the pattern and is trusted; who sends the value is not. Python's own `re` needs exponential time for what is
harmless on a CustomResourceDefinition (`^(a+)+$`), and knows another language; RE2 is where Go has its language from.
"""

from __future__ import annotations

from collections.abc import Callable


def searcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether the pattern is found in a text.

    Raises:
        ValueError: it is no pattern, or google-re2 is not installed.

    """
    try:
        import re2
    except ImportError:
        raise ValueError("a schema with `pattern` needs RE2: install extension-apiserver[patterns]") from None
    options = re2.Options()
    options.log_errors = False  # else RE2 writes to standard error by itself
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as error:
        raise ValueError(f"'{pattern}' is no pattern of RE2: {error}") from None
    return lambda text: compiled.search(text) is not None
