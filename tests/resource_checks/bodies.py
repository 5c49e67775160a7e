"""Bodies of requests: objects, changes of them, patches, and what is none of it."""

from hypothesis import strategies as st

from resource_checks import twins

YAML = "application/yaml"
API_VERSION = f"$group$/{twins.VERSION}"
#: Bodies that are no object.
RAW = [
    b"", b"{", b"[]", b"null", b'"x"', b"1", b"{}", b"true", b"{} {}", b"\xff{}", b"\xef\xbb\xbf{}", b'{"a": NaN}', b"{'a': 1}", b"[" * 200, b"{,}",
    b'{"apiVersion": 1, "kind": "Twin"}', b'{"apiVersion": "$group$/v1"}', b'{"kind": "Twin"}', b'{"apiVersion": "$group$/v2", "kind": "Twin"}',
    b'{"apiVersion": "$group$/v1", "kind": "Else", "metadata": {"name": "a"}, "spec": {"size": 1}}',
    b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": null, "spec": {"size": 1}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": [], "spec": {"size": 1}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": 1}, "spec": {"size": 1}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a"}, "spec": {"size": 1, "size": 2, "note": "x", "note": "y"}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a", "name": "b"}, "spec": {"size": 1e400}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a"}, "spec": {"size": 1}} x',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a"}, "spec": {"size": 1, "note": "\xff"}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a"}, "spec": {"size": 9223372036854775808}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a"}, "spec": {"size": 1, "free": {"a": 1.0, "b": 1e2, "c": 0.1, "d": -0, "e": 12345678901234567890}}}',
    b'{"apiVersion": "$group$/v1", "kind": "Twin", "metadata": {"name": "a"}, "Spec": {"size": 1}, "spec": {"size": 1}}',
]  # fmt: skip
#: The same object as YAML.
YAML_TEXTS = [
    b"apiVersion: $group$/v1\nkind: Twin\nmetadata: {name: a}\nspec: {size: 1, note: yes}\n",
    b"apiVersion: $group$/v1\nkind: Twin\nmetadata:\n  name: a\nspec:\n  size: 1\n  size: 2\n",
    b"apiVersion: $group$/v1\nkind: Twin\nmetadata: {name: a}\nspec: {size: 1, note: '1', free: {a: 0x10, b: 1_000, c: 2026-01-01, d: ~}}\n",
    b"apiVersion: $group$/v1\nkind: Twin\nmetadata: {name: b, labels: {a: b}}\nspec: {size: 3}\n---\nspec: {}\n",
]  # fmt: skip
_SPEC = [
    ("size", 2), ("size", 3), ("size", 5), ("color", "green"), ("color", "red"), ("note", "n"), ("note", ""), ("replicas", 3), ("tags", ["a", "b"]),
    ("tags", ["b"]), ("words", ["a", "a"]), ("words", []), ("ports", [{"port": 1}, {"port": 2, "name": "x"}]), ("ports", [{"port": 2, "name": "y"}]),
    ("free", {"a": {"b": [1, None]}, "c": 1.5}), ("free", {}), ("low", 1), ("high", 5), ("fixed", "a"), ("part", "5%"), ("part", 5),
    ("when", "2026-01-01T00:00:00Z"), ("maybe", None), ("maybe", "x"), ("mode", {}), ("mode", {"word": "abc"}),
]  # fmt: skip
_BAD_SPEC = [
    ("size", 0), ("size", 99), ("size", "x"), ("size", 1.5), ("size", 2.0), ("size", None), ("size", True), ("size", 2**63), ("size", [1]),
    ("color", "blue"), ("color", None), ("color", 1), ("note", "x" * 101), ("note", 1), ("note", "\u00e4\u4e16\U0001f600<&>\u2028"), ("replicas", -1),
    ("replicas", "x"), ("tags", ["a", "a"]), ("tags", [None]), ("tags", "a"), ("tags", {}), ("words", [1]), ("ports", [{"port": 1}, {"port": 1}]),
    ("ports", [{"name": "x"}]), ("ports", [1]), ("ports", [{"port": "x"}]), ("ports", {}), ("free", [1]), ("free", "x"), ("low", 7), ("high", 0),
    ("fixed", "b"), ("part", True), ("part", 1.5), ("part", None), ("when", "yesterday"), ("when", 1), ("mode", {"word": "A1", "unknown": 1}),
    ("mode", None), ("mode", []), ("mode", {"level": "x"}), ("unknown", 1), ("unknown", None), ("unknown", {"deep": [1]}), ("Size", 1), ("", 1),
]  # fmt: skip
_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "keeper", "uid": "$keeper$"}
_METADATA = [
    ("labels", {"a": "b"}), ("labels", {"a": "c", "e": ""}), ("labels", {}), ("annotations", {"a": "b"}), ("annotations", {"x/y": "long " * 20}),
    ("finalizers", ["example.com/x"]), ("finalizers", ["example.com/x", "example.com/y"]), ("finalizers", []), ("ownerReferences", [_OWNER]),
    ("ownerReferences", [{**_OWNER, "controller": True, "blockOwnerDeletion": True}]), ("ownerReferences", []), ("generation", 7), ("creationTimestamp", None), ("managedFields", [{}]), ("managedFields", []),
    ("namespace", "$place$"),
]  # fmt: skip
_BAD_METADATA = [
    ("creationTimestamp", "2020-01-01T00:00:00Z"), ("uid", "$uid:a$"), ("resourceVersion", "$revision:a$"),
    ("labels", {"-": "x"}), ("labels", {"a": "white space"}), ("labels", {"a": 1}), ("labels", {"a": None}), ("labels", [1]), ("labels", {"x/y/z": "a"}),
    ("labels", {"a": "x" * 64}), ("annotations", {"a b": "c"}), ("annotations", {"a": True}), ("annotations", {"a": "x" * 262144}), ("annotations", {"A.b/c": "d"}),
    ("finalizers", ["bad"]), ("finalizers", ["a b/c"]), ("finalizers", "x"), ("finalizers", [1]), ("finalizers", [""]), ("finalizers", ["example.com/x", "example.com/x"]),
    ("ownerReferences", [{**_OWNER, "uid": ""}]), ("ownerReferences", [{**_OWNER, "name": ""}]), ("ownerReferences", [{**_OWNER, "kind": ""}]),
    ("ownerReferences", [{**_OWNER, "apiVersion": "a/b/c"}]), ("ownerReferences", [{**_OWNER, "apiVersion": "v1", "kind": "Event"}]),
    ("ownerReferences", [{**_OWNER, "controller": True}, {**_OWNER, "name": "other", "controller": True}]), ("ownerReferences", [{}]), ("ownerReferences", [1]),
    ("ownerReferences", [_OWNER, _OWNER]), ("ownerReferences", {"a": 1}), ("ownerReferences", [{**_OWNER, "unknown": 1}]), ("ownerReferences", [{**_OWNER, "controller": "x"}]),
    ("generation", "x"), ("generation", -1), ("generation", 1.5), ("uid", "x"), ("uid", 1), ("uid", ""), ("resourceVersion", "1"), ("resourceVersion", ""),
    ("resourceVersion", "x"), ("resourceVersion", 1), ("resourceVersion", "$older:a$"), ("creationTimestamp", "x"), ("creationTimestamp", 1),
    ("deletionTimestamp", "2020-01-01T00:00:00Z"), ("deletionTimestamp", "x"), ("deletionGracePeriodSeconds", 5), ("deletionGracePeriodSeconds", "x"),
    ("selfLink", "/x"), ("managedFields", [{"manager": "x", "operation": "Update", "apiVersion": API_VERSION, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]),
    ("managedFields", [{"manager": "x", "operation": "Else"}]), ("managedFields", [{"manager": "x", "operation": "Apply", "fieldsType": "X"}]), ("managedFields", "x"),
    ("managedFields", [1]), ("managedFields", None), ("managedFields", [{"manager": "x", "operation": "Update", "apiVersion": API_VERSION, "fieldsType": "FieldsV1", "fieldsV1": {"g": 1}}]),
    ("namespace", "else"), ("namespace", ""), ("namespace", 1), ("name", "b"), ("name", ""), ("name", "Bad_Name"), ("name", 1), ("name", None), ("name", "x" * 254),
    ("generateName", "gen9-"), ("generateName", 1), ("unknown", 1), ("Labels", {"a": "b"}), ("clusterName", "x"),
]  # fmt: skip
_STATUS = [{}, {"phase": "Ready"}, {"phase": "Broken", "replicas": 2}, {"replicas": 1, "selector": "a=b"}]
_BAD_STATUS = [{"phase": "Else"}, {"replicas": "x"}, {"unknown": 1}, None, [], "x"]


def often(several, times, *rest):
    """Return a strategy of elements, of which the first ones come so many times as often."""
    return st.sampled_from([*[one for one in several for _ in range(times)], *rest])


@st.composite
def parts(draw, good, bad, *, odd=False, most=3):
    """Draw fields, sound ones, and one that may be none if `odd`."""
    several = draw(st.lists(st.sampled_from(good), max_size=most))
    if odd:
        several.append(draw(st.sampled_from(bad)))
    return dict(several)


@st.composite
def fields(draw, *, odd):
    """Draw metadata and spec, with something that may be wrong in one of them if `odd`."""
    where = draw(st.sampled_from(["spec", "metadata"])) if odd else ""
    return draw(parts(_METADATA, _BAD_METADATA, odd=where == "metadata", most=2)), draw(
        parts(_SPEC, _BAD_SPEC, odd=where == "spec")
    )


@st.composite
def objects(draw, name, *, odd):
    """Draw an object to create."""
    kind = draw(often(["fields"], 7, "status", "whole", "missing", "spec")) if odd else ""
    metadata, spec = draw(fields(odd=kind == "fields"))
    called = {"generateName": draw(often(["gen1-"], 5, "Gen1-", "gen1."))} if name == "$generate$" else {"name": name}
    item = {"apiVersion": API_VERSION, "kind": twins.KIND, "metadata": called | metadata, "spec": {"size": 1} | spec}
    if kind == "status":
        item["status"] = draw(st.sampled_from(_STATUS + _BAD_STATUS))
    elif kind == "missing":
        item.pop(draw(st.sampled_from(["apiVersion", "kind", "metadata", "spec"])))
    elif kind == "spec":
        item["spec"] = draw(st.sampled_from([None, [], 1, "x", {}]))
    elif kind == "whole":
        item |= draw(
            st.sampled_from(
                [
                    {"kind": "Else"},
                    {"apiVersion": "v1"},
                    {"apiVersion": f"{API_VERSION}beta1"},
                    {"kind": 1},
                    {"unknown": 1},
                    {"Spec": {}},
                ]
            )
        )
    return item


@st.composite
def changes(draw, *, odd):
    """Draw what is merged into an object: for a patch, or an update of what was told."""
    if odd and draw(often([False], 3, True)):
        return draw(
            st.sampled_from(
                [{"kind": "Else"}, {"kind": None}, {"apiVersion": "v1"}, {"apiVersion": ""}, {"spec": None}, {"metadata": None}, {"spec": []}, {"unknown": 1}, {"status": []},
                 {"metadata": {"resourceVersion": None}}, {"metadata": {"resourceVersion": ""}}, {"metadata": {"uid": None}}, {"metadata": "x"}]
            )
        )  # fmt: skip
    metadata, spec = draw(fields(odd=odd))
    kind = draw(st.sampled_from(["spec", "spec", "metadata", "both", "status", "status", "finalizers", "nothing"]))
    if odd or kind == "both":
        return {"metadata": metadata, "spec": spec}
    if kind == "status":
        return {"status": draw(st.sampled_from(_STATUS))}
    return {
        "spec": {"spec": spec},
        "metadata": {"metadata": metadata},
        "nothing": {},
        "finalizers": {"metadata": {"finalizers": None}},
    }[kind]


@st.composite
def applied(draw, name, *, odd):
    """Draw an object to apply."""
    kind = draw(often(["fields"], 5, "status", "whole", "missing")) if odd else ""
    metadata, spec = draw(fields(odd=kind == "fields"))
    if kind != "fields" and "managedFields" in metadata:
        del metadata["managedFields"]
    item = {"apiVersion": API_VERSION, "kind": twins.KIND, "metadata": {"name": name} | metadata}
    item["spec"] = draw(st.sampled_from([{"size": 1}, {"size": 1}, {"size": 3}])) | spec
    if kind == "status":
        item["status"] = draw(st.sampled_from(_STATUS + _BAD_STATUS))
    elif kind == "missing":
        item.pop("spec")
    elif kind == "whole":
        item |= draw(
            st.sampled_from(
                [{"kind": "Else"}, {"apiVersion": "v1"}, {"unknown": 1}, {"kind": ""}, {"spec": None}, {"spec": {}}]
            )
        )
    return item


_PATHS = ["/spec/size", "/spec/color", "/spec/tags", "/spec/tags/0", "/spec/tags/-", "/spec/tags/7", "/spec/free/a~1b", "/spec/free/x", "/metadata/labels", "/metadata/labels/a",
          "/metadata/finalizers", "/metadata/name", "/metadata/resourceVersion", "/metadata/managedFields", "/status", "/status/phase", "/kind", "/gone/deep", "", "spec", "/spec/ports/0/name", "/spec"]  # fmt: skip
_VALUES = [1, 3, "x", "green", None, [], ["a"], {}, {"a": "b"}, {"size": 4}, [{}], True, 99]


@st.composite
def json_patches(draw, *, odd):
    """Draw a JSON patch."""
    steps = []
    paths = _PATHS if odd else _PATHS[:5]
    for _ in range(draw(st.integers(1, 3))):
        step = {
            "op": draw(
                st.sampled_from(["add", "add", "replace", "remove", "test", *(["copy", "move", "spin"] if odd else [])])
            )
        }
        step["path"] = draw(st.sampled_from(paths))
        if step["op"] in {"copy", "move"}:
            step["from"] = draw(st.sampled_from(paths))
        elif step["op"] != "remove" and not (odd and draw(often([False], 9, True))):
            step["value"] = draw(st.sampled_from(_VALUES))
        steps.append(step)
    return steps


@st.composite
def scales(draw, name, *, odd):
    """Draw a Scale to update with."""
    item = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": name, "namespace": "$place$"},
        "spec": {"replicas": draw(st.sampled_from([0, 1, 3, 5]))},
    }
    variants = [{"metadata": {"name": name, "resourceVersion": "1"}}, {"metadata": {"name": name, "resourceVersion": f"$revision:{name}$"}}, {"metadata": {"name": name, "uid": "x"}},
                {"metadata": {"name": "other"}}, {"spec": {}}, {"unknown": 1}, {"kind": "Else"}, {"apiVersion": API_VERSION}, {"metadata": {}}, {"spec": None}, {"spec": {"replicas": -1}}, {"spec": {"replicas": None}}, {"spec": {"replicas": "x"}}]  # fmt: skip
    return item | draw(st.sampled_from(variants)) if odd else item
