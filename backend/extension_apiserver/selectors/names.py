"""The rules for names, keys of labels and their values, and the sentences about them.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/api/validate/content/kube.go
"""

from __future__ import annotations

import re

_LABEL_RULE = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_RULE = rf"{_LABEL_RULE}(\.{_LABEL_RULE})*"
_DNS_1035_RULE = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY_RULE = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE_RULE = f"({_KEY_RULE})?"
LABEL = re.compile(_LABEL_RULE)
SUBDOMAIN = re.compile(_SUBDOMAIN_RULE)
_DNS_1035 = re.compile(_DNS_1035_RULE)
_KEY = re.compile(_KEY_RULE)
_LONGEST_LABEL, _LONGEST_SUBDOMAIN = 63, 253
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_DNS_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_KEY_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)


def _rule(words: str, rule: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{words} (e.g. {shown}regex used for validation is '{rule}')"


def _too_long(most: int, unit: str = "characters") -> str:
    return f"must be no more than {most} {unit}"


def _over(text: str, most: int) -> bool:
    return len(text) > most or len(text.encode()) > most


_KEY_FAULT = _rule(_KEY_WORDS, _KEY_RULE, "MyName", "my.name", "123-abc")
_SUBDOMAIN_FAULT = _rule(_SUBDOMAIN_WORDS, _SUBDOMAIN_RULE, "example.com")
_LABEL_FAULT = _rule(_LABEL_WORDS, _LABEL_RULE, "my-name", "123-abc")
_DNS_1035_FAULT = _rule(_DNS_1035_WORDS, _DNS_1035_RULE, "my-name", "abc-123")
_VALUE_FAULT = _rule(_VALUE_WORDS, _VALUE_RULE, "MyValue", "my_value", "12345")


def subdomain_faults(name: str, *, beginning: bool = False) -> list[str]:
    """Return what is wrong with a name that must be a DNS subdomain, or the beginning of one."""
    if beginning and len(name) > 1 and name.endswith("-"):
        name = f"{name[:-2]}a"  # as upstream: what comes behind a dash makes it valid
    faults = [_too_long(_LONGEST_SUBDOMAIN)] if _over(name, _LONGEST_SUBDOMAIN) else []
    return faults if SUBDOMAIN.fullmatch(name) else [*faults, _SUBDOMAIN_FAULT]


def label_faults(name: str) -> list[str]:
    """Return what is wrong with a name that must be a DNS label, as that of a namespace."""
    faults = [_too_long(_LONGEST_LABEL)] if _over(name, _LONGEST_LABEL) else []
    if LABEL.fullmatch(name):
        return faults
    return [*faults, "must not contain dots" if SUBDOMAIN.fullmatch(name) else _LABEL_FAULT]


def dns_1035_faults(name: str) -> list[str]:
    """Return what is wrong with the name of a kind, in lower case."""
    faults = [_too_long(_LONGEST_LABEL)] if _over(name, _LONGEST_LABEL) else []
    return faults if _DNS_1035.fullmatch(name) else [*faults, _DNS_1035_FAULT]


def key_faults(key: str) -> list[str]:
    """Return what is wrong with the key of a label or annotation, or a finalizer: a qualified name."""
    prefix, slash, name = key.partition("/")
    if not slash:
        prefix, name = "", key
    if "/" in name:
        return [
            f"a valid label key {_KEY_FAULT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    faults = []
    if slash and not prefix:
        faults.append("prefix part must be non-empty")
    elif slash:
        faults += [f"prefix part {fault.replace('253 characters', '253 bytes')}" for fault in subdomain_faults(prefix)]
    if not name:
        faults.append("name part must be non-empty")
    elif _over(name, _LONGEST_LABEL):
        faults.append(f"name part {_too_long(_LONGEST_LABEL, 'bytes')}")
    return faults if _KEY.fullmatch(name) else [*faults, f"name part {_KEY_FAULT}"]


def value_faults(value: str) -> list[str]:
    """Return what is wrong with the value of a label."""
    faults = [_too_long(_LONGEST_LABEL, "bytes")] if _over(value, _LONGEST_LABEL) else []
    return faults if not value or _KEY.fullmatch(value) else [*faults, _VALUE_FAULT]


#: Of a name that is generated: so many letters of the beginning are kept, and 5 more are added.
LONGEST_BEGINNING, SUFFIX_LENGTH = 58, 5
#: What the end of a generated name is made of: no vowels, so no words.
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def generated(beginning: str, suffix: str) -> str:
    """Return a name from `generateName` and SUFFIX_LENGTH letters of SUFFIX_LETTERS, chosen by chance."""
    return beginning[:LONGEST_BEGINNING] + suffix
