"""Cats that people apply, controllers watch and `kubectl scale` knows: a resource with a store, as a CustomResourceDefinition would be."""

from extension_apiserver import Column, Resource, Scale, main

COUNT = {"type": "integer", "minimum": 0, "default": 0}
COLOUR = {"type": "string", "enum": ["black", "tabby", "white"], "default": "tabby"}
CONDITION = {"type": "object", "required": ["type", "status"], "x-kubernetes-preserve-unknown-fields": True}
CONDITION["properties"] = {"type": {"type": "string"}, "status": {"type": "string"}}
BY_TYPE = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
CONDITIONS = {"type": "array", "items": CONDITION, **BY_TYPE}

cats = Resource(
    kind="Cat",
    plural="cats",
    description="A cat.",
    namespaced=True,
    schema={
        "spec": {"type": "object", "properties": {"colour": COLOUR, "kittens": COUNT}, "default": {}},
        "status": {"type": "object", "properties": {"kittens": COUNT, "conditions": CONDITIONS}},
    },
    columns=[Column("Colour", lambda cat: cat["spec"]["colour"])],
    store=True,
    status=True,
    scale=Scale(spec_replicas=".spec.kittens", status_replicas=".status.kittens"),
)

if __name__ == "__main__":
    raise SystemExit(main(resources=[cats]))
