"""An informer by kubernetes, the Python client, as informers.py describes them."""

import sys
import threading
from types import SimpleNamespace

from kubernetes import client, config
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer


def say(*words):
    """Write a line at once: two threads do."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main():
    """Watch until this process is ended."""
    group, version, plural, _, namespace = sys.argv[1:]
    config.load_kube_config()
    objects = client.CustomObjectsApi()

    def listed(**asked):
        """Ask for the list or a watch; the informer wants a list whose items are an attribute.

        :return: object
        """
        found = objects.list_namespaced_custom_object(group, version, namespace, plural, **asked)
        if "watch" in asked:
            return found
        metadata = SimpleNamespace(resource_version=found["metadata"]["resourceVersion"])
        synced.set()
        return SimpleNamespace(items=found["items"], metadata=metadata)

    synced = threading.Event()
    informer = SharedInformer(listed)
    for kind in (ADDED, MODIFIED):
        informer.add_event_handler(kind, lambda item: say("seen", item["metadata"]["name"], item["spec"]["size"]))
    informer.add_event_handler(DELETED, lambda item: say("deleted", item["metadata"]["name"]))
    informer.start()
    synced.wait()
    say("synced")
    threading.Event().wait()


if __name__ == "__main__":
    main()
