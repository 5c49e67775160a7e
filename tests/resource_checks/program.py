"""The twins of twins.py, served by the library."""

import twins

from extension_apiserver import Column, Resource, Scale, main

RESOURCE = Resource(
    kind=twins.KIND,
    plural=twins.PLURAL,
    description="What a CustomResourceDefinition has, too.",
    namespaced=True,
    schema=twins.SCHEMA,
    columns=[Column("Size", lambda item: item["spec"]["size"], type="integer")],
    store=True,
    status=True,
    scale=Scale(selector=".status.selector"),
    selectable_fields=twins.SELECTABLE,
)

if __name__ == "__main__":
    raise SystemExit(main(resources=[RESOURCE]))
