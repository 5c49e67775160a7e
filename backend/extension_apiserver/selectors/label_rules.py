"""What keys and values of labels are made of: https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/api/validate/content/kube.go."""

from __future__ import annotations

import re

_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_DOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_IS_NAME, _IS_DOMAIN = re.compile(_NAME), re.compile(_DOMAIN)
_MOST_NAME, _MOST_DOMAIN = 63, 253
_CHARACTERS = (
    "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def wrong_key(key: str) -> str:
    """Return what is wrong with the key of a label, "" for nothing."""
    *prefixes, name = key.split("/")
    words = f"must {_CHARACTERS} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"
    if len(prefixes) > 1:
        return f"a valid label key {words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
    why: list[str] = []
    if prefixes and not prefixes[0]:
        why.append("prefix part must be non-empty")
    elif prefixes and len(prefixes[0]) > _MOST_DOMAIN:
        why.append(f"prefix part must be no more than {_MOST_DOMAIN} bytes")
    elif prefixes and not _IS_DOMAIN.fullmatch(prefixes[0]):
        why.append(
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
            f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_DOMAIN}')"
        )
    if not name:
        why.append("name part must be non-empty")
    elif len(name) > _MOST_NAME:
        why.append(f"name part must be no more than {_MOST_NAME} bytes")
    if not _IS_NAME.fullmatch(name):
        why.append(f"name part {words}")
    return "; ".join(why)


def wrong_value(value: str) -> str:
    """Return what is wrong with the value of a label, "" for nothing."""
    why = [f"must be no more than {_MOST_NAME} bytes"] if len(value) > _MOST_NAME else []
    if value and not _IS_NAME.fullmatch(value):
        examples = f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '({_NAME})?')"
        why.append(f"a valid label must be an empty string or {_CHARACTERS} {examples}")
    return "; ".join(why)
