"""A resource with a store: its versions, and objects as they are kept.

A store keeps an object as JSON that begins with apiVersion, kind and metadata, in the version that is stored, and without its resourceVersion,
which is the revision of the write. So whoever wants it as it is stored gets it without anybody reading it: see `Kept.text`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from extension_apiserver.api.column import Column
from extension_apiserver.api.resources import Api, Resource, whole_schema
from extension_apiserver.api.stored import Check, Version
from extension_apiserver.objects.apply.typed.atoms import atom_of_kind
from extension_apiserver.objects.apply.versions import Versions
from extension_apiserver.objects.causes import NO_FIELD, Cause
from extension_apiserver.objects.kind import Kind
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.objects.values import Object, copied
from extension_apiserver.status import StatusError
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.protocol import Expired, Key, Store, StoreError, TooNew

from .scaling.scale_paths import scale_rules

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A resource with a store.

    Attributes:
        kinds: version → the kind in it.
        versions: of the kind, for managedFields.
        stored_version: one of `kinds`.
        store, feed: where the objects are, and what changes there.
        local: revisions are those of this process.

    """

    resource: Resource
    group: str
    kinds: Mapping[str, Kind]
    versions: Versions
    stored_version: str
    store: Store
    feed: Feed
    local: bool = False

    @property
    def table(self) -> str:
        """The name under which the store has the objects."""
        return f"{self.resource.plural}.{self.group}"

    def key(self, namespace: str, name: str) -> Key:
        """Return where an object is; `namespace` is "" where it has none."""
        return Key(self.table, namespace, name)

    def unreached(self, error: TooNew) -> StoreError:
        """Return what a revision is that the store has not reached: of another process it is as good as forgotten."""
        return Expired(error.wanted, error.revision) if self.local else error

    def columns(self, version: str) -> Sequence[Column]:
        """Return the columns of a version, after the name."""
        other = self.resource.versions.get(version)
        return self.resource.columns if other is None else other.columns

    def text(self, value: bytes, revision: int, version: str) -> bytes:
        """Return an object as a client gets it, in JSON.

        Args:
            value: as the store has it.
            revision: of the write that made it so; for a deletion, its own.
            version: of the request.

        Raises:
            StatusError: 500, a conversion failed.

        """
        beginning = self._beginning(version)
        if value.startswith(beginning):
            return b'%b"resourceVersion":"%d",%b' % (beginning, revision, value[len(beginning) :])
        return self.encoded(self.object(value, revision, version))

    def object(self, value: bytes, revision: int, version: str) -> Object:
        """Return an object as a client gets it; the arguments as for `text`, and so is what is raised."""
        found: Object = json.loads(value)
        found["metadata"]["resourceVersion"] = str(revision)
        return self.converted(found, version)

    def value(self, item: Object) -> bytes:
        """Return an object of whatever version as the store has it.

        Raises:
            StatusError: 500, a conversion failed.

        """
        found = self.converted(item, self.stored_version)
        metadata = {name: one for name, one in found["metadata"].items() if name != "resourceVersion"}
        return self.encoded({**found, "metadata": metadata})

    @staticmethod
    def encoded(item: Object) -> bytes:
        """Return an object as JSON that begins with apiVersion, kind and metadata."""
        first = {name: item[name] for name in ("apiVersion", "kind", "metadata")}
        return _ENCODER.encode(first | item).encode()

    def converted(self, item: Object, version: str) -> Object:
        """Return an object in a version; itself if it is of that one, and never changed.

        Raises:
            StatusError: 500, a conversion failed.

        """
        wanted = f"{self.group}/{version}"
        if item["apiVersion"] == wanted:
            return item
        between = item
        source = self.resource.versions.get(item["apiVersion"].rpartition("/")[2])
        if source is not None:
            between = self._call(source, "to_stored", item, self.stored_version)
        target = self.resource.versions.get(version)
        if target is not None:
            between = self._call(target, "from_stored", between, version)
        return {**between, "apiVersion": wanted, "kind": self.resource.kind, "metadata": item["metadata"]}

    def _beginning(self, version: str) -> bytes:
        return f'{{"apiVersion":"{self.group}/{version}","kind":"{self.resource.kind}","metadata":{{'.encode()

    def _call(self, version: Version, name: str, item: Object, target: str) -> Object:
        try:
            made = getattr(version, name)(copied(item))
        except Exception as error:
            raise self._failed(item, target, f"{type(error).__name__}: {error}") from error
        if not isinstance(made, dict):
            raise self._failed(item, target, f"`{name}` returned no object")
        return made

    def _failed(self, item: Object, target: str, why: str) -> StatusError:
        what = f"{self.resource.kind} '{item['metadata'].get('name', '')}'"
        return StatusError(
            500, f"conversion of {what} from {item['apiVersion']} to {self.group}/{target} failed: {why}"
        )


def kept(resource: Resource, api: Api, store: Store, feed: Feed) -> Kept:
    """Return a resource of a group as it is kept.

    Raises:
        ValueError: if a schema is none, or a version is not the group's.

    """
    stored = resource.stored_version or api.versions[0]
    for version in (stored, *resource.versions):
        if version not in api.versions:
            raise ValueError(
                f"resource '{resource.plural}' has the version '{version}', which is none of its group's: {', '.join(api.versions)}"
            )
    if stored in resource.versions:
        raise ValueError(f"resource '{resource.plural}' stores '{stored}', which cannot be among `versions`")
    kinds = {version: _kind(resource, api.group, version) for version in api.versions}

    def convert(item: Object, api_version: str) -> Object:
        return made.converted(item, api_version.rpartition("/")[2])

    atoms = {kind.api_version: atom_of_kind(kind.schema) for kind in kinds.values()}
    made = Kept(resource, api.group, kinds, Versions(atoms, convert), stored, store, feed)
    return made


def _kind(resource: Resource, group: str, version: str) -> Kind:
    other = resource.versions.get(version)
    source = resource if other is None else other
    schema = whole_schema(source.schema)
    try:
        read = structural(schema)
    except ValueError as error:
        raise ValueError(f"the schema of resource '{resource.plural}' in {group}/{version}: {error}") from None
    return Kind(
        group, version, resource.kind, resource.plural, read,
        namespaced=resource.namespaced, has_status=resource.status, also=scale_rules(resource.scale),
        check=_causes_of(source.check),
    )  # fmt: skip


def _causes_of(check: Check | None) -> Callable[[Object, Object | None, str], Iterable[Cause]]:
    def causes(new: Object, old: Object | None, subresource: str) -> Iterator[Cause]:
        for path, words in check(new, old, subresource) if check else ():
            yield Cause("FieldValueInvalid", path or NO_FIELD, words)

    return causes
