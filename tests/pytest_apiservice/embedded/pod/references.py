"""What a pod spec may refer to: ConfigMaps, Secrets, fields of the pod, resources of a container."""

import asyncio
import base64
import math
import os
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from pytest_apiservice.embedded.node.claims import CLASS, Claims
from pytest_apiservice.embedded.node.client import ApiClient, Object, Store
from pytest_apiservice.embedded.node.images import LocalImage
from pytest_apiservice.embedded.node.network import PodNetwork

NODE_NAME = "embedded"
# Of 1000, or of 1024 before an "i": https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


class Missing(Exception):
    """Something that the pod refers to is not there (yet); says what."""


@dataclass
class Node:
    """What every pod of the node shares.

    Attributes:
        directory: the cluster's private folder; pods live in ``pods/``, their logs in ``logs/pods/``.
        api_port: the API server's port on 127.0.0.1.
        images: local command by image reference.
        image_loaded: set, and replaced, when an image is added.
        proxy: URL of the CONNECT proxy through which pods reach Services by name.
        pods: name of the pod by process group.
        no_root: why containers have no file system of their own; "" where they have.
    """

    client: ApiClient
    network: PodNetwork
    directory: Path
    api_port: int
    config_maps: Store
    secrets: Store
    claims: Claims
    images: dict[str, LocalImage] = field(default_factory=dict)
    image_loaded: asyncio.Event = field(default_factory=asyncio.Event)
    proxy: str = ""
    pods: dict[int, str] = field(default_factory=dict)
    no_root: str = ""

    def load_image(self, reference: str, image: LocalImage) -> None:
        """Map an image reference to a local command; pods that waited for it go on."""
        self.images[reference] = image
        self.image_loaded.set()
        self.image_loaded = asyncio.Event()

    def object_changes(self) -> tuple[asyncio.Event, ...]:
        """Return events of the next change of any ConfigMap, any Secret and any claim; take them before looking."""
        return self.config_maps.change, self.secrets.change, self.claims.store.change

    def contents(self, kind: str, namespace: str, name: str, *, optional: bool) -> dict[str, bytes]:
        """Return the keys of a ConfigMap or Secret with their values; {} when it is optional and absent.

        Raises:
            Missing: it is absent.
        """
        store = self.secrets if kind == "Secret" else self.config_maps
        found = store.objects.get((namespace, name))
        if found is None:
            if optional:
                return {}
            raise Missing(f'{kind} "{namespace}/{name}" not found')
        data, binary = found.get("data") or {}, found.get("binaryData") or {}
        if kind == "Secret":
            data, binary = {}, data
        text = {key: value.encode() for key, value in data.items()}
        return text | {key: base64.b64decode(value) for key, value in binary.items()}

    def claimed(self, namespace: str, name: str) -> Path:
        """Return the folder that is a PersistentVolumeClaim's.

        Raises:
            Missing: it is absent, or not bound.
        """
        found = self.claims.folder(namespace, name)
        if found is None:
            there = (namespace, name) in self.claims.store.objects
            why = (
                f"is not bound: those of storageClassName '{CLASS}' and volumeMode Filesystem are"
                if there
                else "not found"
            )
            raise Missing(f'PersistentVolumeClaim "{namespace}/{name}" {why}')
        return found


def key_of(node: Node, kind: str, namespace: str, selector: Object) -> bytes | None:
    """Return what a secretKeyRef or configMapKeyRef points at; None when it is optional and absent.

    Raises:
        Missing: the object or its key is absent.
    """
    optional = bool(selector.get("optional"))
    contents = node.contents(kind, namespace, selector["name"], optional=optional)
    if selector["key"] not in contents and not optional:
        raise Missing(f'{kind} "{namespace}/{selector["name"]}" has no key "{selector["key"]}"')
    return contents.get(selector["key"])


def pod_field(pod: Object, path: str, *, addresses: dict[str, str]) -> str:
    """Return the field at ``path`` (metadata.name, metadata.labels['k'], status.podIP, …) as text.

    Args:
        addresses: the values of the status.…IP fields, as a local process sees them.

    Raises:
        Missing: the downward API has no such field.
    """
    if path in addresses:
        return addresses[path]
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if keyed:
        return str((pod["metadata"].get(keyed[1]) or {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = pod["metadata"].get(path.removeprefix("metadata.")) or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(entries.items()))
    section, _, name = path.partition(".")
    if path in ("metadata.name", "metadata.namespace", "metadata.uid", "spec.serviceAccountName"):
        return str(pod[section].get(name, ""))
    if path == "spec.nodeName":
        return NODE_NAME
    raise Missing(f"the downward API has no field {path}")


def container_resource(container: Object, reference: Object) -> str:
    """Return what a resourceFieldRef names, in units of its divisor, rounded up; without a limit it is the machine's."""
    kind, _, name = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    found = (resources.get(kind) or {}).get(name) or (resources.get("limits") or {}).get(name)
    quantity = parse_quantity(str(found)) if found is not None else machine_resource(name)
    divisor = parse_quantity(str(reference.get("divisor") or "1")) or Decimal(1)
    return str(math.ceil(quantity / divisor))


def parse_quantity(text: str) -> Decimal:
    """Return the value of a Kubernetes quantity such as "250m", "64Mi" or "1e3"."""
    match = re.fullmatch(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)(?:([KMGTPE])i|([numkMGTPE]?))", text)
    if match is None:
        raise Missing(f"{text!r} is no quantity")
    number, binary, decimal = match.groups()
    return Decimal(number) * (1024 ** POWERS[binary] if binary else Decimal(1000) ** POWERS[decimal])


def machine_resource(name: str) -> Decimal:
    """Return this machine's number of CPUs, or its bytes of memory; 0 for anything else."""
    if name == "cpu":
        return Decimal(os.cpu_count() or 1)
    if name == "memory":
        return Decimal(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return Decimal(0)
