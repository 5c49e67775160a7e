"""A controller of the cats of cats.py: each gets a ConfigMap of its own, and a status that says so.

It runs in a pod, or wherever there is a kubeconfig, with the rights to list and watch cats, to update cats/status and to create ConfigMaps.
"""

import datetime as dt
import os
import sys
import time
from typing import Any

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

Object = dict[str, Any]
GROUP, VERSION, PLURAL = os.environ.get("GROUP", "cats.example.com"), "v1", "cats"
CONFLICT = 409
AGAIN_SECONDS = 60  # then all cats are looked at anew


def diary(cat: Object) -> Object:
    """Return the ConfigMap of a cat. It has an owner, so that Kubernetes deletes it when the cat is deleted."""
    metadata = cat["metadata"]
    owner = {name: cat[name] for name in ("apiVersion", "kind")} | {name: metadata[name] for name in ("name", "uid")}
    named = {"name": f"{metadata['name']}-diary", "ownerReferences": [{**owner, "controller": True}]}
    return {"metadata": named, "data": {"colour": cat["spec"]["colour"]}}


def reconciled(cat: Object) -> Object:
    """Return the status that the cat should have: our condition with the time since when it is so, and those of others."""
    old = cat.get("status", {}).get("conditions", [])
    ours = next((one for one in old if one["type"] == "Ready"), {})
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Fed",
        "message": "it has a diary",
        "observedGeneration": cat["metadata"]["generation"],
        "lastTransitionTime": ours["lastTransitionTime"] if ours.get("status") == "True" else now,
    }
    conditions = [*(one for one in old if one["type"] != "Ready"), ready]
    return {"kittens": cat["spec"]["kittens"], "conditions": conditions}


def reconcile(cat: Object, cats: client.CustomObjectsApi, core: client.CoreV1Api) -> None:
    """Make what a cat needs, then its status, unless both are as they should be."""
    metadata = cat["metadata"]
    if "deletionTimestamp" in metadata:
        return
    try:
        core.create_namespaced_config_map(metadata["namespace"], diary(cat))
    except ApiException as error:
        if error.status != CONFLICT:  # it is there
            raise
    status = reconciled(cat)
    if cat.get("status") != status:
        place = GROUP, VERSION, metadata["namespace"], PLURAL, metadata["name"]
        # With the resourceVersion that was read: who was faster makes another event, and it is done anew.
        cats.replace_namespaced_custom_object_status(*place, {**cat, "status": status})


def main() -> None:
    """Reconcile for ever: what there is, then each change."""
    config.load_config()
    cats, core = client.CustomObjectsApi(), client.CoreV1Api()
    while True:
        events = watch.Watch().stream(
            cats.list_cluster_custom_object, GROUP, VERSION, PLURAL, timeout_seconds=AGAIN_SECONDS
        )
        try:
            for event in events:
                try:
                    if event["type"] != "DELETED":
                        reconcile(event["object"], cats, core)
                except ApiException as error:
                    sys.stderr.write(f"{event['object']['metadata']['name']}: {error.status} {error.reason}\n")
        except ApiException as error:
            sys.stderr.write(f"cats: {error.status} {error.reason}\n")
            time.sleep(1)


if __name__ == "__main__":
    main()
