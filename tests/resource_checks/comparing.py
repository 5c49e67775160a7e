"""Makes of a side's answer what must be the same of both: uids, times and revisions are numbered or named, chance orders are sorted."""

import json
import re

from resource_checks import twins

#: Headers that clients read.
HEADERS = (
    "Content-Type",
    "Warning",
    "Retry-After",
    "Allow",
    "Accept-Patch",
    "Cache-Control",
    "Location",
    "Content-Encoding",
)
#: Within a patch's fault, the object as it would be, in JSON.
_WHOLE = re.compile(r'Invalid value: "\{.*?\}":', re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_GENERATED = re.compile(r"\b([Gg]en\d+[-.])[bcdfghjklmnpqrstvwxz2456789]{5}\b")
_IN_WORDS = re.compile(
    r"((?:ResourceVersion in [a-z ]+|resource version): |ResourceVersion in (?:the precondition|record) \()(\d+)"
)
_CURRENT = re.compile(r"current: \d+")
_OLD = re.compile(r"too old resource version: \d+ \(\d+\)")
_SEVERAL = re.compile(r", |\n|\[|\]")
#: Of metadata and of managedFields.
_INITIAL_END = "k8s.io/initial-events-end"
_TIMES = {"creationTimestamp", "deletionTimestamp", "time"}


class Mapping:
    """Numbers a side's uids and revisions in the order in which they were first told."""

    def __init__(self, keeper=""):
        self._uids = {keeper: "<uid of the keeper>"}
        self._revisions = {}

    def uid(self, text):
        """Return the name of a uid."""
        return self._uids.setdefault(text, f"<uid {len(self._uids)}>")

    def revision(self, text):
        """Return the name of an object's resourceVersion."""
        return self._revisions.setdefault(text, f"<revision {len(self._revisions)}>")

    def known_revision(self, text):
        """Return the name of a resourceVersion that an object had, in a sentence."""
        return self._revisions.get(text, "<some revision>")


def comparable(answer, mapping, *, watch=False):
    """Return an answer as it can be compared.

    Args:
        answer: of sides.Side.send.
        mapping: that side's.
        watch: the body has a line for each event.
    """
    headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    if "Warning" in headers:
        headers["Warning"] = sorted(re.findall(r'299 - "(?:[^"\\]|\\.)*"', _same_group(headers["Warning"])))
    text = _same_group(answer.text.decode(errors="replace"))
    if watch and answer.code == 200:
        body = [_of_json(line, mapping) for line in text.splitlines()]
        # When there are others is for each server to say.
        body = [one for one in body if one.get("type") != "BOOKMARK" or _INITIAL_END in json.dumps(one)]
    else:
        body = _of_json(text, mapping)
    return {"code": answer.code, "headers": headers, "body": body}


def _same_group(text):
    return text.replace(twins.GROUPS["ours"], twins.GROUPS["crd"])


def _of_json(text, mapping):
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return _walked(value, mapping)


def _walked(value, mapping):
    if isinstance(value, list):
        return [_walked(one, mapping) for one in value]
    if isinstance(value, str):
        return _of_text(value, mapping)
    if not isinstance(value, dict):
        return value
    if value.get("kind") == "Status" and "code" in value:
        return _of_status(value, mapping)
    is_list = "items" in value or "rows" in value
    is_bookmark = value.get("type") == "BOOKMARK"
    made = {}
    for name, one in sorted(value.items()):
        if name == "metadata" and isinstance(one, dict):
            made[name] = _of_metadata(one, mapping, is_list=is_list)
        else:
            made[name] = _walked(one, mapping)
    if is_bookmark:
        made["object"].get("metadata", {})["resourceVersion"] = "<revision of a bookmark>"
    return made


def _of_metadata(metadata, mapping, *, is_list):
    made = {}
    for name, one in sorted(metadata.items()):
        if name == "resourceVersion" and isinstance(one, str):
            made[name] = "<revision of a list>" if is_list else mapping.revision(one)
        elif name == "continue":
            made[name] = "<token>" if one else one
        elif name in _TIMES and isinstance(one, str) and _TIME.fullmatch(one):
            made[name] = "<time>"
        elif name == "managedFields" and isinstance(one, list):
            made[name] = sorted((_of_metadata(entry, mapping, is_list=False) for entry in one), key=_order_of_managers)
        else:
            made[name] = _walked(one, mapping)
    return made


def _order_of_managers(entry):
    # Those of the same operation are sorted by their times, whose seconds the two sides do not share.
    return entry.get("operation", ""), entry.get("manager", ""), entry.get("subresource", "")


def _of_text(text, mapping):
    text = _WHOLE.sub('Invalid value: "<object>":', text)
    text = _UUID.sub(lambda found: mapping.uid(found[0]), text)
    text = _GENERATED.sub(r"\1<5>", text)
    text = _CURRENT.sub("current: <revision>", text)
    text = _OLD.sub("too old resource version: <revision> (<revision>)", text)
    return _IN_WORDS.sub(lambda found: found[1] + mapping.known_revision(found[2]), text)


def _of_status(status, mapping):
    made = {name: _walked(one, mapping) for name, one in status.items()}
    causes = made.get("details", {}).get("causes", [])
    causes.sort(key=lambda one: json.dumps(one, sort_keys=True))
    if len({json.dumps(one, sort_keys=True) for one in causes}) > 1:
        # Go goes through what is wrong in an order of chance; the sentence of one cause is told as it is.
        made["message"] = sorted(_SEVERAL.split(made.get("message", "")))
    return made
