"""One schema, as a CustomResourceDefinition and as a resource of the library, for those who compare them."""

GROUPS = {"crd": "twins.crd.example.com", "ours": "twins.own.example.com"}
KIND, PLURAL, VERSION = "Twin", "twins", "v1"
SELECTABLE = ["spec.color", "spec.nodeName"]
SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
                "nodeName": {"type": "string"},
                "note": {"type": "string", "maxLength": 100},
                "replicas": {"type": "integer", "minimum": 0},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "words": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "string"}},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port"],
                    "items": {
                        "type": "object",
                        "required": ["port"],
                        "properties": {"port": {"type": "integer"}, "name": {"type": "string"}},
                    },
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "low": {"type": "integer"},
                "high": {"type": "integer"},
                "fixed": {
                    "type": "string",
                    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed never changes"}],
                },
                "part": {"x-kubernetes-int-or-string": True},
                "when": {"type": "string", "format": "date-time"},
                "maybe": {"type": "string", "nullable": True},
                "mode": {
                    "type": "object",
                    "default": {},
                    "properties": {
                        "level": {"type": "integer", "default": 1},
                        "word": {"type": "string", "pattern": "^[a-z]+$"},
                    },
                },
            },
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.low) || !has(self.high) || self.low <= self.high",
                    "messageExpression": "'low %d is above high %d'.format([self.low, self.high])",
                    "fieldPath": ".low",
                    "reason": "FieldValueForbidden",
                },
                {
                    "rule": "self.size >= oldSelf.size || self.size > 0 && !has(self.words)",
                    "message": "with words, size only grows",
                },
            ],
        },
        "status": {
            "type": "object",
            "properties": {
                "phase": {"type": "string", "enum": ["Ready", "Broken"]},
                "replicas": {"type": "integer"},
                "selector": {"type": "string"},
            },
        },
    },
}


def definition():
    """Return the CustomResourceDefinition."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "Size"}
        ],
        "selectableFields": [{"jsonPath": f".{path}"} for path in SELECTABLE],
    }
    names = {"kind": KIND, "plural": PLURAL, "singular": "twin", "listKind": "TwinList"}
    spec = {"group": GROUPS["crd"], "scope": "Namespaced", "names": names, "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUPS['crd']}"},
        "spec": spec,
    }
