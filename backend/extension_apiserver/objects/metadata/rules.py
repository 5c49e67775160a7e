"""What metadata must keep, when it is made and when it is changed.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/api/validation/objectmeta.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from extension_apiserver.objects.causes import MOST_CAUSES, Cause, forbidden, invalid, not_supported, required, too_long
from extension_apiserver.objects.go_words import quote, shortened
from extension_apiserver.objects.values import Object, canonical, same
from extension_apiserver.selectors.names import key_faults, label_faults, subdomain_faults, value_faults

#: Of all keys and values of the annotations of an object.
MOST_ANNOTATION_BYTES = 256 * 1024
_LONGEST_MANAGER, _LONGEST_SUBRESOURCE = 128, 256
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
_OPERATIONS = ("Apply", "Update")
_IMMUTABLE = "field is immutable"
#: (name, whether it is only the beginning of one) → what is wrong with it.
NameRule = Callable[[str, bool], Sequence[str]]


def dns_subdomain(name: str, beginning: bool) -> Sequence[str]:
    """Keep the rule that the names of nearly all kinds have."""
    return subdomain_faults(name, beginning=beginning)


def segment_faults(name: str, beginning: bool) -> Sequence[str]:
    """Keep the rule that every name keeps which is part of a URL."""
    if name in {".", ".."} and not beginning:
        return [f"may not be '{name}'"]
    return [f"may not contain '{letter}'" for letter in "/%" if letter in name]


def create_causes(metadata: Object, *, namespaced: bool, faults_of: NameRule = dns_subdomain) -> Iterator[Cause]:
    """Yield what is wrong with the metadata of a new object, whose name was generated already if it had none."""
    yield from common_causes(metadata, "metadata", namespaced=namespaced, faults_of=faults_of)


def common_causes(metadata: Object, path: str, *, namespaced: bool, faults_of: NameRule) -> Iterator[Cause]:
    """Yield what is wrong with metadata, new or changed."""
    beginning, name, namespace = (metadata.get(field, "") for field in ("generateName", "name", "namespace"))
    if beginning:
        yield from (invalid(f"{path}.generateName", beginning, fault) for fault in faults_of(beginning, True))
    if name:
        yield from (invalid(f"{path}.name", name, fault) for fault in faults_of(name, False))
    else:
        yield required(f"{path}.name", "name or generateName is required")
    if namespaced and namespace:
        yield from (invalid(f"{path}.namespace", namespace, fault) for fault in label_faults(namespace))
    elif namespaced:
        yield required(f"{path}.namespace")
    elif namespace:
        yield forbidden(f"{path}.namespace", "not allowed on this type")
    if metadata.get("generation", 0) < 0:
        yield invalid(f"{path}.generation", metadata["generation"], "must be greater than or equal to 0")
    yield from _label_causes(metadata.get("labels", {}), f"{path}.labels")
    yield from _annotation_causes(metadata.get("annotations", {}), f"{path}.annotations")
    yield from _owner_causes(metadata.get("ownerReferences", []), f"{path}.ownerReferences")
    yield from _finalizer_causes(metadata.get("finalizers", []), f"{path}.finalizers")
    yield from _managed_causes(metadata.get("managedFields", []), f"{path}.managedFields")


def update_causes(metadata: Object, old: Object, *, namespaced: bool) -> Iterator[Cause]:
    """Yield what is wrong with the metadata of a changed object, after `lifecycle.prepare_update`."""
    yield from common_causes(metadata, "metadata", namespaced=namespaced, faults_of=segment_faults)
    if old.get("deletionTimestamp"):
        more = sorted(set(metadata.get("finalizers", [])) - set(old.get("finalizers", [])))
        if more:
            names = ", ".join(map(quote, more))
            words = "no new finalizers can be added if the object is being deleted, found new finalizers"
            yield forbidden("metadata.finalizers", f"{words} []string{{{names}}}")
    if not metadata.get("resourceVersion"):
        yield invalid("metadata.resourceVersion", "", "must be specified for an update")
    for name in ("name", "namespace", "uid"):
        if metadata.get(name, "") != old.get(name, ""):
            yield invalid(f"metadata.{name}", metadata.get(name, ""), _IMMUTABLE)
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        if not same(metadata.get(name), old.get(name)):
            yield invalid(f"metadata.{name}", metadata.get(name), _IMMUTABLE)


def _label_causes(labels: Object, path: str) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from (invalid(path, key, fault) for fault in key_faults(key))
        yield from (invalid(path, value, fault) for fault in value_faults(value))


def _annotation_causes(annotations: Object, path: str) -> Iterator[Cause]:
    for key in annotations:
        yield from (invalid(path, key, fault) for fault in key_faults(key.lower()))
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > MOST_ANNOTATION_BYTES:
        yield too_long(path, MOST_ANNOTATION_BYTES)


_OWNER_FIELDS = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")


def _in_order(owner: Object) -> str:
    """Return an owner as Go writes the struct: in the order of its fields."""
    pairs = (f"{canonical(name)}:{canonical(owner[name])}" for name in _OWNER_FIELDS if name in owner)
    return f"{{{','.join(pairs)}}}"


def _owner_causes(owners: Sequence[Object], path: str) -> Iterator[Cause]:
    controller = ""
    for index, owner in enumerate(owners):
        where, version = f"{path}[{index}]", owner["apiVersion"]
        if not version:
            yield required(f"{where}.apiVersion", "must not be empty")
        elif version.count("/") > 1 or not version.rpartition("/")[2]:
            yield invalid(f"{where}.apiVersion", version, "must be <group>/<version> or <version>")
        yield from (
            required(f"{where}.{name}", "must not be empty") for name in ("kind", "name", "uid") if not owner[name]
        )
        if (version, owner["kind"]) == ("v1", "Event"):
            yield invalid(where, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            current = f"{owner['kind']}/{owner['name']}"
            if controller:
                words = 'Only one reference can have Controller set to true. Found "true" in references for'
                shown = shortened(f"[{','.join(map(_in_order, owners))}]")
                yield Cause("FieldValueInvalid", path, f"Invalid value: {shown}: {words} {controller} and {current}")
            else:
                controller = current


def _finalizer_causes(finalizers: Sequence[str], path: str) -> Iterator[Cause]:
    for name in finalizers:
        yield from (invalid(path, name, fault) for fault in key_faults(name))
    if _ORPHAN in finalizers and _FOREGROUND in finalizers:
        yield invalid(path, list(finalizers), f"finalizer {_ORPHAN} and {_FOREGROUND} cannot be both set")


def _managed_causes(entries: Sequence[Object], path: str) -> Iterator[Cause]:
    for index, entry in enumerate(entries):
        where, operation, kind = f"{path}[{index}]", entry.get("operation", ""), entry.get("fieldsType", "")
        if not operation:
            yield required(f"{where}.operation", "must not be empty")
        elif operation not in _OPERATIONS:
            yield not_supported(f"{where}.operation", operation, _OPERATIONS)
        if kind not in {"", "FieldsV1"}:
            yield invalid(f"{where}.fieldsType", kind, "must be `FieldsV1`")
        yield from manager_causes(entry.get("manager", ""), f"{where}.manager")
        if len(entry.get("subresource", "").encode()) > _LONGEST_SUBRESOURCE:
            yield too_long(f"{where}.subresource", _LONGEST_SUBRESOURCE)


def manager_causes(name: str, path: str = "fieldManager") -> Iterator[Cause]:
    """Yield what is wrong with the name of a field manager.

    https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/apis/meta/v1/validation/validation.go
    """
    if len(name.encode()) > _LONGEST_MANAGER:
        yield too_long(path, _LONGEST_MANAGER)
    position = 0
    for letter in name:
        if not letter.isprintable():
            yield invalid(path, name, f"invalid character U+{ord(letter):04X} (at position {position})")
        position += len(letter.encode())


def finalizer_warnings(finalizers: Sequence[str], old: Sequence[str] = ()) -> list[str]:
    """Return a warning for each new finalizer whose name has no domain, or breaks the rule of names.

    https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/validator.go
    """
    warnings = []
    for name in sorted(set(finalizers) - set(old)):
        path = f"metadata.finalizers: {quote(name)}"
        warnings += [f"{path}: {fault}" for fault in key_faults(name)]
        if "/" not in name and name not in {_ORPHAN, _FOREGROUND, "kubernetes"}:
            what = "finalizer name including a path (/)" if "." in name else "finalizer name"
            warnings.append(
                f"{path}: prefer a domain-qualified {what} to avoid accidental conflicts with other finalizer writers"
            )
        if len(warnings) > MOST_CAUSES:
            break  # headers have no room for more
    return warnings
