"""Random schemas, and random writes of objects that fit them: what server-side apply is tried with."""

import random
import string

KEYS = ("a", "b", "c")


def schema(rng, depth=3):
    """Return a random structural schema of an object."""
    return {"type": "object", "properties": {name: _any(rng, depth) for name in KEYS[: rng.randint(1, 3)]}}


def _any(rng, depth):
    kinds = [_scalar, _scalar, _free, _int_or_string]
    if depth:
        kinds += [_struct, _map, _atomic_list, _set, _list_map, _list_map, _kept]
    return rng.choice(kinds)(rng, depth - 1)


def _scalar(rng, _depth):
    return {"type": rng.choice(["string", "integer", "boolean", "number"])}


def _int_or_string(_rng, _depth):
    return {"x-kubernetes-int-or-string": True}


def _free(_rng, _depth):
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _kept(rng, depth):
    return {**schema(rng, depth), "x-kubernetes-preserve-unknown-fields": True}


def _struct(rng, depth):
    made = schema(rng, depth)
    if rng.random() < 0.3:
        made["x-kubernetes-map-type"] = "atomic"
    return made


def _map(rng, depth):
    return {"type": "object", "additionalProperties": _any(rng, depth)}


def _atomic_list(rng, depth):
    return {"type": "array", "items": _any(rng, depth)}


def _set(rng, _depth):
    return {"type": "array", "x-kubernetes-list-type": "set", "items": _scalar(rng, 0)}


def _list_map(rng, depth):
    items = schema(rng, depth)
    items["properties"] = {"k": {"type": "string"}, **items["properties"]}
    keys = ["k"]
    if rng.random() < 0.4:
        items["properties"]["d"] = {"type": "integer", "default": 7}
        keys.append("d")
    return {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": items}


def value(rng, node, *, repeated=False):
    """Return a random value that fits a schema; ``repeated``: items of sets and maps may be there twice."""
    if rng.random() < 0.04:
        return None
    kind = node.get("type", "")
    if kind == "object":
        return _object(rng, node, repeated)
    if kind == "array":
        return _list(rng, node, repeated)
    choices = {
        "string": lambda: rng.choice(["x", "y", 'q"<&>', ""]),
        "integer": lambda: rng.randint(0, 2),
        "number": lambda: rng.choice([1, 0.5, -2.25]),
        "boolean": lambda: rng.random() < 0.5,
        "": lambda: rng.choice([1, "x", 2]),
    }
    return choices[kind]()


def _object(rng, node, repeated):
    made = {
        name: value(rng, inner, repeated=repeated)
        for name, inner in node.get("properties", {}).items()
        if rng.random() < 0.6
    }
    others = node.get("additionalProperties")
    if others:
        made |= {name: value(rng, others, repeated=repeated) for name in KEYS if rng.random() < 0.5}
    if node.get("x-kubernetes-preserve-unknown-fields"):
        made |= {f"u{name}": _unknown(rng, 2) for name in KEYS if rng.random() < 0.4}
    return made


def _unknown(rng, depth):
    if depth and rng.random() < 0.4:
        return {name: _unknown(rng, depth - 1) for name in KEYS if rng.random() < 0.5}
    if depth and rng.random() < 0.3:
        return [_unknown(rng, depth - 1) for _ in range(rng.randint(0, 2))]
    return rng.choice([1, "x", True, None, 2.5])


def _list(rng, node, repeated):
    items = [value(rng, node["items"], repeated=repeated) for _ in range(rng.randint(0, 4))]
    kind = node.get("x-kubernetes-list-type")
    if kind == "set":
        items = [item for item in items if item is not None]
    elif kind == "map":
        items = [{**(item or {}), "k": rng.choice(string.ascii_lowercase[:4])} for item in items]
        for item in items:
            if item.get("d", 7) is None:
                item["d"] = 1
    else:
        return items
    if repeated and rng.random() < 0.3:
        return items
    keys = node.get("x-kubernetes-list-map-keys")
    told = {repr([item.get(key, 7) for key in keys]) if keys else repr(item): item for item in items}
    return list(told.values())


def scenario(seed):
    """Return {schema, steps}: up to seven writes by three managers."""
    rng = random.Random(seed)  # noqa: S311 - to be made again by its seed
    shape = schema(rng)
    steps = []
    for _ in range(rng.randint(2, 7)):
        apply = rng.random() < 0.65
        steps.append(
            {
                "manager": rng.choice(["one", "two", "three"]),
                "apply": apply,
                "force": rng.random() < 0.5,
                "object": _object(rng, shape, not apply and rng.random() < 0.2),
            }
        )
    return {"schema": shape, "steps": steps}
