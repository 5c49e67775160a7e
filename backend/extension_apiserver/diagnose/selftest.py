"""`selftest`: what `helm test` runs, with its own ServiceAccount: the API works through kube-apiserver, and forgery does not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError
from extension_apiserver.settings import Settings

from .findings import Finding
from .registration import call_directly, read_registration

_FORGED = (("X-Remote-User", "system:admin"), ("X-Remote-Group", "system:masters"))
_REFUSED = frozenset({401, 403})
_MOST_OBJECTS = 500


async def examine(client: ApiClient, settings: Settings) -> AsyncIterator[Finding]:
    """Yield one finding for each check and version."""
    for group, version in settings.registered:
        async for finding in _examine_version(client, group, version):
            yield finding


async def _examine_version(client: ApiClient, group: str, version: str) -> AsyncIterator[Finding]:
    name = f"{version}.{group}"
    try:
        registration = await read_registration(client, name)
    except ApiError as error:
        yield Finding(False, f"APIService {name} cannot be read: {error}")
        return
    available = registration.available == "True"
    yield Finding(available, f"APIService {name}: Available is {registration.available}, {registration.message}")
    path = f"/apis/{group}/{version}"
    try:
        resources = (await client.get(path))["resources"]
    except ApiError as error:
        yield Finding(False, f"discovery of {path} fails: {error}")
        return
    yield Finding(True, f"discovery of {path} lists {', '.join(each['name'] for each in resources) or 'no resource'}")
    for resource in resources:
        if "list" in resource["verbs"]:
            yield await _list(client, f"{path}/{resource['name']}")
    if registration.insecure or not registration.ca_bundle:
        yield Finding(
            None, f"forgery is not tried: APIService {name} has no caBundle to verify {registration.dns_name} by"
        )
        return
    try:
        code, text = await call_directly(registration, path, headers=_FORGED)
    except ApiError as error:
        yield Finding(False, f"forgery cannot be tried: {error}")
        return
    verdict = "refused" if code in _REFUSED else f"answered {text.strip()[:100]}"
    yield Finding(code in _REFUSED, f"a direct call with a forged X-Remote-User is {verdict} with {code}")


async def _list(client: ApiClient, path: str) -> Finding:
    """List a resource; where its objects say who the caller is, as Echo does, that must be this ServiceAccount."""
    try:
        # Of a resource with a store: there may be more than this pod has memory for.
        listed = await client.get(f"{path}?limit={_MOST_OBJECTS}")
        items: list[dict[str, Any]] = listed["items"]
        seen = {str(item["status"]["user"]) for item in items if "user" in (item.get("status") or {})}
        if not seen:
            more = " and more" if listed.get("metadata", {}).get("continue") else ""
            return Finding(True, f"{path} lists {len(items)} objects{more}")
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await client.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    except ApiError as error:
        return Finding(False, f"{path} cannot be listed: {error}")
    me = answer["status"]["userInfo"]["username"]
    return Finding(seen == {me}, f"the backend sees the caller as {json.dumps(sorted(seen))}; it is {json.dumps(me)}")
