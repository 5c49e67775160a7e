"""What the server sets in an object when it is created or changed, whatever the client sent.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/rest/update.go
https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/strategy.go
"""

from __future__ import annotations

import datetime as dt

from extension_apiserver.objects.values import Object, canonical, copied, same

from .times import written

#: Wiped from what a client wants to create, before anybody is told to own it.
OF_THE_SERVER = ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")


def prepare_create(sent: Object, *, name: str, uid: str, now: dt.datetime, has_status: bool) -> Object:
    """Return a new object as it is checked and stored.

    Args:
        sent: as decoded, with its managedFields.
        name: its own name, or the one generated for it.
        uid: new.
        now: the time of the request.
        has_status: the kind has the subresource `status`, so that a creation cannot set it.

    """
    new = {key: value for key, value in sent.items() if key != "status" or not has_status}
    metadata = {key: value for key, value in sent["metadata"].items() if key not in OF_THE_SERVER}
    new["metadata"] = metadata | {"uid": uid, "creationTimestamp": written(now), "generation": 1}
    if name:
        new["metadata"]["name"] = name
    return new


def prepare_update(sent: Object, old: Object, *, has_status: bool) -> Object:
    """Return a changed object as it is checked and stored: what clients cannot change is as it was.

    `generation` is one more where anything but metadata differs.
    """
    new = dict(sent)
    if has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = copied(old["status"])
    was = old["metadata"]
    metadata = dict(new["metadata"])
    metadata["generation"] = was.get("generation", 0) + (not same(_without_metadata(new), _without_metadata(old)))
    metadata["uid"] = metadata.get("uid") or was.get("uid", "")
    metadata.pop("selfLink", None)
    for name in ("creationTimestamp", "deletionTimestamp"):
        if was.get(name):
            metadata[name] = was[name]
    if "deletionGracePeriodSeconds" in was:
        metadata.setdefault("deletionGracePeriodSeconds", was["deletionGracePeriodSeconds"])
    return new | {"metadata": metadata}


def prepare_status_update(sent: Object, old: Object) -> Object:
    """Return an object changed by its subresource `status`: as it was but for `status` and managedFields."""
    new: Object = copied(old)
    new.pop("status", None)
    if "status" in sent:
        new["status"] = sent["status"]
    new["metadata"].pop("managedFields", None)
    if sent["metadata"].get("managedFields"):
        new["metadata"]["managedFields"] = sent["metadata"]["managedFields"]
    # The client's own, since the check of a conflict comes later.
    new["metadata"]["resourceVersion"] = sent["metadata"].get("resourceVersion", "")
    return new


def drop_repeated_owners(metadata: Object, *, when: str = "") -> list[str]:
    """Keep each ownerReference once, in place; return the warning about those that came again.

    Args:
        metadata: of an object.
        when: words for what had been done to it by then.

    https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/rest.go (dedupOwnerReferences)
    """
    seen: dict[str, Object] = {}
    owners = metadata.get("ownerReferences", [])
    repeated = [owner["uid"] for owner in owners if seen.setdefault(canonical(owner), owner) is not owner]
    if not repeated:
        return []
    metadata["ownerReferences"] = list(seen.values())
    rule = "API server dedups owner references in 1.20+, and may reject such requests as early as 1.24"
    told = f"please fix your requests; duplicate UID(s) observed: {', '.join(repeated)}"
    return [f".metadata.ownerReferences contains duplicate entries{when}; {rule}; {told}"]


def _without_metadata(value: Object) -> Object:
    return {key: item for key, item in value.items() if key != "metadata"}
