"""A server that is killed: `python -m resource_faults.replica serve`."""

from extension_apiserver import Resource, main

counts = Resource(
    kind="Count",
    plural="counts",
    description="A number that everybody adds to.",
    schema={
        "spec": {
            "type": "object",
            "properties": {"count": {"type": "integer"}, "ballast": {"type": "string"}},
        }
    },
    store=True,
)

if __name__ == "__main__":
    raise SystemExit(main(resources=[counts]))
