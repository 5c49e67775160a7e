"""The annotation of `kubectl apply` without --server-side: who applied by it before may go on by server-side apply, and back.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/internal/lastappliedmanager.go
"""

from __future__ import annotations

from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.metadata.rules import MOST_ANNOTATION_BYTES
from extension_apiserver.objects.values import Object, canonical
from extension_apiserver.status import StatusError

from .field_set import FieldSet
from .typed.comparison import compare
from .typed.validation import fields_of
from .typed.walking import TypedError
from .versions import Typed, UnknownVersionError, Versions

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def own_fields(live: Typed, versions: Versions) -> FieldSet | None:
    """Return the fields that the annotation tells of and that are as it says; None where it is missing or says nothing."""
    annotations = live.value["metadata"].get("annotations", {})
    if not annotations.get(ANNOTATION):
        return None
    try:
        said, _ = parse(annotations[ANNOTATION].encode(), subject=ANNOTATION)
        if not isinstance(said, dict) or said.get("apiVersion") != live.value["apiVersion"]:
            return None
        last = versions.typed(said, repeated=False)
        differs = compare(last.value, live.value, live.atom)
    except (StatusError, TypedError, UnknownVersionError):
        return None
    changed = differs.modified.union(differs.added).union(differs.removed)
    return fields_of(last.value, last.atom).difference(changed)


def renew(new: Object, applied: Object) -> None:
    """Let the annotation, where there is one, tell what was applied, in place."""
    annotations = new["metadata"].get("annotations", {})
    if not annotations.get(ANNOTATION):
        return
    said = dict(applied)
    if isinstance(said.get("metadata"), dict) and "annotations" in said["metadata"]:
        others = {name: value for name, value in said["metadata"]["annotations"].items() if name != ANNOTATION}
        said["metadata"] = said["metadata"] | {"annotations": others}
    renewed = annotations | {ANNOTATION: canonical(said) + "\n"}
    if sum(len(name.encode()) + len(value.encode()) for name, value in renewed.items()) > MOST_ANNOTATION_BYTES:
        del renewed[ANNOTATION]
    new["metadata"] = new["metadata"] | {"annotations": renewed}
