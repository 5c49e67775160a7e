"""The differences that a resource with a store may show, each with its row in docs/resources.md."""

import copy
import re

from resource_checks.operations import APPLY, PARTIAL, PARTIAL_LIST

#: What Go's own decoders say, and what kube-apiserver says of its Go types.
_OF_GO = re.compile(
    r"json: cannot unmarshal|json parse error|unknown conversion|no kind (is|\"[^\"]*\" is) registered|yaml:|parsing time|invalid JSON patch|error decoding patch|"
    r"error encoding patch|is missing in|unexpected GroupVersion|strconv\.|Invalid JSON Patch|cannot be handled as|undeterminable|does not match the expected API version|"
    r"expected (string|list|map|numeric|boolean)[^:]*, got|unexpected end of JSON|error converting YAML|Unable to convert|error unmarshaling|invalid field selector|invalid selector"
)
_MEDIA_TYPES = re.compile(r"(only the following media types are accepted|accepted media types include): .*")
_YAML_WARNING = re.compile(r'line \d+: key \\"[^"]*\\" already set in map')


def _refused(theirs, ours, *codes):
    return theirs["code"] in codes and ours["code"] in codes and isinstance(ours["body"], dict)


def _words(_operation, theirs, ours):
    """Both are the same refusal of what cannot be decoded."""
    same = theirs["code"] == ours["code"] and isinstance(ours["body"], dict) and isinstance(theirs["body"], dict)
    if (
        same
        and theirs["body"].get("reason") == ours["body"].get("reason")
        and _OF_GO.search(str(theirs["body"].get("message")))
    ):
        theirs["body"]["message"] = ours["body"]["message"] = "<it cannot be decoded>"
        for body in (theirs["body"], ours["body"]):
            for cause in (body.get("details") or {}).get("causes", []):
                if cause.get("field") == "patch":
                    cause["message"] = "<it cannot be decoded>"
    for answer in (theirs, ours):
        warnings = answer["headers"].get("Warning", [])
        if any(_YAML_WARNING.search(one) or "duplicate field" in one for one in warnings):
            kept = [one for one in warnings if not _YAML_WARNING.search(one) and "duplicate field" not in one]
            answer["headers"]["Warning"] = sorted([*kept, "<a field came twice>"])


def _media_types(_operation, theirs, ours):
    if _refused(theirs, ours, 406, 415):
        for answer in (theirs, ours):
            message = answer["body"]["message"]
            answer["body"]["message"] = _MEDIA_TYPES.sub(r"\1: <some>", message)


def _more(_operation, theirs, ours):
    """Headers and reasons that kube-apiserver leaves out."""
    if ours["code"] in {405, 415}:
        for name in ("Allow", "Accept-Patch"):
            ours["headers"].pop(name, None)
    beginning = "the server rejected our request due to an error in our request"
    if _refused(theirs, ours, 422) and theirs["body"].get("message") == beginning:
        if ours["body"]["message"].startswith(beginning):
            ours["body"]["message"] = beginning
        if theirs["body"].get("details") == {}:
            del theirs["body"]["details"]


def _methods(_operation, theirs, ours):
    text = theirs["code"] == 404 and theirs["headers"].get("Content-Type", "").startswith("text/plain")
    if (text and ours["code"] in {404, 405}) or (ours["code"] == 405 and 400 <= theirs["code"] < 500):
        _same(theirs, ours)


def _forms(operation, theirs, ours):
    """It is asked for in a form that does not fit; theirs was perhaps done already."""
    if (
        ours["code"] == 406
        and theirs["code"] != 406
        and ("Table" in operation.accept or operation.accept in {PARTIAL, PARTIAL_LIST})
    ) or (_refused(theirs, ours, 406) and "you requested" in str(theirs["body"].get("message"))):
        _same(theirs, ours)


def _revisions(operation, theirs, ours):
    if (
        operation.method == "GET"
        and theirs["code"] == 500
        and ours["code"] == 400
        and "resourceVersion" in theirs["body"]["message"]
    ):
        _same(theirs, ours)


def _applies(operation, theirs, ours):
    if operation.content_type != APPLY or ours["code"] != 400:
        return
    fails = theirs["code"] == 500 and "failed to create typed patch object" in str(theirs["body"].get("message"))
    if fails or "parsing time" in str(ours["body"].get("message")):
        _same(theirs, ours)


def _later(operation, theirs, ours):
    if (
        ("watch", "true") in operation.query
        and theirs["body"] == []
        and "Too large resource version" in str(ours["body"])
    ):
        _same(theirs, ours)


def _scales(operation, theirs, ours):
    if (
        not operation.path.endswith("/scale")
        or operation.method not in {"PUT", "PATCH"}
        or not isinstance(ours["body"], dict)
    ):
        return
    said = str(ours["body"].get("message"))
    if (
        theirs["code"] == 500
        and "failed to convert live object" in str(theirs["body"].get("message"))
        and ours["code"] == 400
    ) or (
        ours["code"] in {400, 422}
        and theirs["code"] in {200, 400, 422}
        and re.search("[Kk]ind|as a Scale|apiVersion", said)
    ):
        _same(theirs, ours)


def _repeated(_operation, theirs, ours):
    if _refused(theirs, ours, 422):
        causes = (theirs["body"].get("details") or {}).get("causes", [])
        causes[:] = [one for number, one in enumerate(causes) if one not in causes[:number]]


def _empty(_operation, theirs, ours):
    body = theirs["body"] if isinstance(theirs["body"], dict) else {}
    if (
        body.get("kind") == "PartialObjectMetadataList"
        and body.get("items") is None
        and ours["body"].get("items") == []
    ):
        body["items"] = []


def _same(theirs, ours):
    theirs.clear()
    ours.clear()


#: Row in docs/resources.md → a function that takes an operation and the answers of both, as comparing.comparable makes them, and changes the
#: answers where they differ for that reason.
ALLOWED = {
    "the words about what cannot be decoded": _words,
    "the media types that a 406 or 415 names": _media_types,
    "what a refusal says besides": _more,
    "how often the same cause is told": _repeated,
    "a method that a path does not take": _methods,
    "a form that does not fit": _forms,
    "an empty PartialObjectMetadataList": _empty,
    "a resourceVersion that is no number": _revisions,
    "an apply that cannot be read": _applies,
    "a watch from a revision that is not there yet": _later,
    "what is wrong with a Scale": _scales,
}


def without_allowed(operation, theirs, ours):
    """Return the answers of both without the differences that are allowed, and the names of those."""
    used = []
    for name, mend in ALLOWED.items():
        if theirs == ours:
            break
        before = copy.deepcopy((theirs, ours))
        mend(operation, theirs, ours)
        if before != (theirs, ours):
            used.append(name)
    return theirs, ours, used
