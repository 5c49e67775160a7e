"""The resource of k8s.io/sample-apiserver on the library: flunders, with a store that the environment names."""

from extension_apiserver import Resource, main

_TEXT = {"type": "string"}

flunders = Resource(
    kind="Flunder",
    plural="flunders",
    description="A flunder.",
    namespaced=True,
    schema={
        "spec": {
            "type": "object",
            "properties": {
                "reference": _TEXT,
                "referenceType": {"type": "string", "enum": ["", "Flunder", "Fischer"]},
            },
        },
        "status": {"type": "object"},
    },
    store=True,
    status=True,
)

if __name__ == "__main__":
    raise SystemExit(main(resources=[flunders]))
