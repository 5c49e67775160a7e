"""What may be asked of a side: strategies of sides.Operation.

Of what a request has, at most one part is odd: of several faults, another may be told first (docs/resources.md).
"""

import dataclasses

from hypothesis import strategies as st

from resource_checks import bodies
from resource_checks.bodies import often
from resource_checks.sides import JSON, Operation

APPLY, JSON_PATCH, MERGE_PATCH = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)
NAMES = ("a", "b", "c", "$name:gen1$")
TABLE, PARTIAL, PARTIAL_LIST = (
    f"application/json;as={kind};g=meta.k8s.io;v=v1"
    for kind in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
)


@dataclasses.dataclass(frozen=True)
class Values:
    """Values that a part of a request has; None for none."""

    sound: tuple
    odd: tuple


names = often(NAMES, 5, "gone", "UPPER")
accepts = Values((JSON,) * 6 + (TABLE, PARTIAL, "*/*", "application/*", "application/json;as=Table;g=meta.k8s.io;v=v1beta1", f"{TABLE},{JSON}"),
                 ("text/plain", "application/json;as=Table;g=other;v=v1", "application/json;as=Else;g=meta.k8s.io;v=v1", "nonsense", PARTIAL_LIST))  # fmt: skip
managers = Values((None, "one", "two", "three"), ("", "x" * 129, "bad\n"))
dry_runs = Values((None,) * 6 + ("All",), ("all", "", "None"))
directives = Values((None, "Strict", "Warn", "Ignore"), ("", "strict"))
revisions = Values(
    (None,) * 4 + ("0", "$mark:1$", "$mark:2$", "$mark:5$", "$mark:9$"), ("", "x", "-1", "01", "9" * 18, "9" * 30)
)
selectors = Values((None,) * 6 + ("a=b", "a!=b", "a", "!a", "a in (b,c)", "a notin (b)", "a=b,e=", "a==c"),
                   ("", "a in ()", "=b", "a=b c", "a in (b", "a>1", "a>x", "-x=y", "a=-", ",", "a,,b", "a in (b,)", " a = b ", "a in (b),!c", "a in", "a notin", "(", "a)"))  # fmt: skip
fields = Values((None,) * 6 + ("metadata.name=a", "metadata.name!=a", "spec.color=red", "spec.color=green,metadata.name=b", "metadata.namespace=$place$", "spec.color="),
                ("", "spec.size=1", "metadata.name", "a==", "metadata.name=a,metadata.name=b", "spec.color!=red", "metadata.namespace=else", "nope=1", "metadata.name=a\\,b", "metadata.name=\\x", "=a", ","))  # fmt: skip
limits = Values((None,) * 3 + ("1", "2", "3"), ("0", "-1", "x", "", "1.5", "9" * 20, "+1", "01"))
flags = Values((None, "true", "false"), ("1", "0", "", "maybe", "TRUE", "no"))
policies = Values((None, None, "Background"), ("", "Sometimes"))
others = Values(
    (),
    (
        ("unknown", "1"),
        ("pretty", "true"),
        ("pretty", "x"),
        ("watch", "false"),
        ("timeoutSeconds", "x"),
        ("timeout", "5s"),
        ("timeout", "soon"),
        ("fieldValidation", "x"),
        ("limit", "x"),
    ),
)


@st.composite
def queries(draw, *, odd, **of):
    """Draw a query of the parameters that `of` names; one of them has an odd value if `odd`."""
    query = {name: draw(st.sampled_from(values.sound)) for name, values in of.items()}
    more = ()
    if odd:
        name = draw(st.sampled_from([*(name for name, values in of.items() if values.odd), "others"]))
        if name == "others":
            more = (draw(st.sampled_from(others.odd)),)
        else:
            query[name] = draw(st.sampled_from(of[name].odd))
    return (*((name, value) for name, value in query.items() if value is not None), *more)


@st.composite
def oddities(draw, *parts):
    """Draw which part is odd, "" for none."""
    return draw(st.sampled_from(["", "", *parts, *(["query", "accept"] if draw(often([False], 3, True)) else [])]))


def accepting(odd):
    """Return a strategy of an Accept header."""
    return st.sampled_from(accepts.odd if odd == "accept" else accepts.sound)


def writing(odd, **of):
    """Return a strategy of the query of a write."""
    return queries(odd=odd == "query", fieldManager=managers, dryRun=dry_runs, fieldValidation=directives, **of)


@st.composite
def sent(draw, items, odd):
    """Draw a body and its content type."""
    if odd == "raw":
        return draw(st.sampled_from(bodies.RAW)), draw(often([JSON], 3, bodies.YAML))
    if odd == "yaml":
        return draw(st.sampled_from(bodies.YAML_TEXTS)), bodies.YAML
    if odd == "type":
        return draw(items), draw(
            st.sampled_from(
                [
                    bodies.YAML,
                    "",
                    "text/plain",
                    "application/json; charset=utf-8",
                    "application/JSON",
                    "application/x-www-form-urlencoded",
                    "a/b/c",
                    MERGE_PATCH,
                ]
            )
        )
    return draw(items), JSON


@st.composite
def creates(draw):
    """Draw a create."""
    odd = draw(oddities("body", "body", "body", "raw", "yaml", "type", "name"))
    name = draw(
        st.sampled_from(
            ["UPPER", "", "x" * 254, "a/b"] if odd == "name" else ["a", "b", "c", "a", "b", "c", "$generate$"]
        )
    )
    body, content_type = draw(sent(bodies.objects(name, odd=odd == "body"), odd))
    return Operation("POST", "", draw(writing(odd)), body, content_type, draw(accepting(odd)))


@st.composite
def updates(draw):
    """Draw an update of an object, as it was last told or otherwise."""
    odd = draw(oddities("body", "body", "body", "raw", "yaml", "type"))
    name = draw(names)
    subresource = draw(often([""], 3, "/status"))
    body, content_type = draw(sent(bodies.changes(odd=odd == "body"), odd))
    base = name if isinstance(body, dict) else ""
    return Operation(
        "PUT", f"/{name}{subresource}", draw(writing(odd)), body, content_type, draw(accepting(odd)), base=base
    )


@st.composite
def patches(draw):
    """Draw a patch that is none of apply."""
    odd = draw(oddities("body", "body", "raw", "type", "force"))
    kind, body = draw(
        st.one_of(
            st.tuples(st.just(MERGE_PATCH), bodies.changes(odd=odd == "body")),
            st.tuples(st.just(JSON_PATCH), bodies.json_patches(odd=odd == "body")),
        )
    )
    if odd == "type":
        kind = draw(
            st.sampled_from(
                [
                    "application/strategic-merge-patch+json",
                    JSON,
                    "",
                    "text/plain",
                    f"{kind};charset=utf-8",
                    kind.upper(),
                ]
            )
        )
    if odd == "raw":
        body = draw(st.sampled_from(bodies.RAW))
    query = draw(writing(odd)) + ((("force", draw(st.sampled_from(["true", "false", ""]))),) if odd == "force" else ())
    return Operation(
        "PATCH", f"/{draw(names)}{draw(often([''], 3, '/status'))}", query, body, kind, draw(accepting(odd))
    )


@st.composite
def applies(draw):
    """Draw an apply."""
    odd = draw(oddities("body", "body", "raw", "name"))
    name = draw(names)
    body = draw(bodies.applied("else" if odd == "name" else name, odd=odd == "body"))
    if odd == "raw":
        body = draw(st.sampled_from(bodies.RAW + bodies.YAML_TEXTS))
    query = queries(
        odd=odd == "query",
        fieldManager=Values(("one", "two"), (None, *managers.odd)),
        force=Values((None, "true"), ("false", "x", "")),
        dryRun=dry_runs,
        fieldValidation=directives,
    )
    return Operation(
        "PATCH", f"/{name}{draw(often([''], 4, '/status'))}", draw(query), body, APPLY, draw(accepting(odd))
    )


@st.composite
def scales(draw):
    """Draw something with the subresource scale."""
    odd = draw(oddities("body", "type"))
    name = draw(names)
    path = f"/{name}/scale"
    method = draw(st.sampled_from(["GET", "PUT", "PATCH", "PATCH"]))
    accept = draw(accepting(odd))
    if method == "GET":
        return Operation("GET", path, (), accept=accept)
    if method == "PUT":
        body, content_type = draw(sent(bodies.scales(name, odd=odd == "body"), odd))
        return Operation("PUT", path, draw(writing(odd)), body, content_type, accept)
    replicas = draw(st.sampled_from([-1, None, "x", 1.5, 2**31] if odd == "body" else [0, 1, 3, 5]))
    kind, body = draw(
        st.sampled_from(
            [
                (MERGE_PATCH, {"spec": {"replicas": replicas}}),
                (MERGE_PATCH, {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": replicas}}),
                (MERGE_PATCH, {"metadata": {"resourceVersion": f"$older:{name}$"}, "spec": {"replicas": replicas}}),
                (JSON_PATCH, [{"op": "replace", "path": "/spec/replicas", "value": replicas}]),
                (JSON_PATCH, [{"op": "test", "path": "/spec/replicas", "value": replicas}]),
                (
                    APPLY,
                    {
                        "apiVersion": "autoscaling/v1",
                        "kind": "Scale",
                        "metadata": {"name": name},
                        "spec": {"replicas": replicas},
                    },
                ),
                (MERGE_PATCH, {"unknown": 1}),
                (MERGE_PATCH, {"status": {"replicas": 7}}),
            ]
        )
    )
    query = draw(writing(odd))
    if kind == APPLY:
        query = (
            *(one for one in query if one[0] != "fieldManager"),
            ("fieldManager", "one"),
            *draw(st.sampled_from([(), (("force", "true"),)])),
        )
    return Operation("PATCH", path, query, body, "text/plain" if odd == "type" else kind, accept)


_NONE = object()
_OPTIONS = {
    "propagationPolicy": Values((_NONE, _NONE, "Background", None), ("Sometimes", "", 1)),
    "gracePeriodSeconds": Values((_NONE, _NONE, 0, 5, None), (-1, "x", 1.5)),
    "dryRun": Values((_NONE,) * 4 + (["All"], [], None), (["x"], "All", [1])),
    "preconditions": Values(
        (_NONE, _NONE, {}, None, {"uid": "$uid:a$"}, {"uid": "$uid:b$"}, {"resourceVersion": "$revision:a$"}, {"resourceVersion": "$older:a$"},
         {"uid": "$uid:a$", "resourceVersion": "$revision:a$"}, {"uid": "x"}),
        ([], "x", {"uid": 1}, {"resourceVersion": ""}, {"uid": ""}, {"unknown": 1}),
    ),
    "kind": Values((_NONE, "DeleteOptions"), ("Twin", "Status", 1)),
    "apiVersion": Values((_NONE, "v1", "meta.k8s.io/v1", f"{bodies.API_VERSION}"), ("v2", "apps/v1", 1)),
    "orphanDependents": Values((_NONE,), (False, None, "x")),
    "unknown": Values((_NONE,), (1,)),
}  # fmt: skip


@st.composite
def delete_bodies(draw, *, odd):
    """Draw DeleteOptions."""
    drawn = {name: draw(st.sampled_from(values.sound)) for name, values in _OPTIONS.items()}
    if odd:
        name = draw(st.sampled_from(list(_OPTIONS)))
        drawn[name] = draw(st.sampled_from(_OPTIONS[name].odd))
    if drawn["kind"] is _NONE or drawn["apiVersion"] is _NONE:
        for name in ("kind", "apiVersion"):
            drawn[name] = drawn[name] if odd else _NONE
    return {name: value for name, value in drawn.items() if value is not _NONE}


@st.composite
def deletes(draw):
    """Draw a deletion; policies for which the garbage collector has work are machine.py's."""
    odd = draw(oddities("body", "raw", "type"))
    query = queries(
        odd=odd == "query", propagationPolicy=policies, gracePeriodSeconds=Values((None, None, "0", "5"), ("x", "-1", "")), dryRun=dry_runs,
        orphanDependents=Values((None,), ("false", "0")),
    )  # fmt: skip
    body = draw(delete_bodies(odd=odd == "body")) if odd in {"body", "type"} or draw(st.booleans()) else None
    if odd == "raw":
        body = draw(st.sampled_from(bodies.RAW))
    content_type = draw(st.sampled_from(["application/yaml", "text/plain", ""])) if odd == "type" else JSON
    return Operation("DELETE", f"/{draw(names)}", draw(query), body, content_type, draw(accepting(odd)))


@st.composite
def cascades(draw):
    """Draw a deletion for which the garbage collector has work."""
    policy = draw(
        st.sampled_from(
            [("propagationPolicy", "Foreground"), ("propagationPolicy", "Orphan"), ("orphanDependents", "true")]
        )
    )
    in_body = draw(st.booleans())
    value = True if policy[0] == "orphanDependents" else policy[1]
    return Operation("DELETE", f"/{draw(names)}", () if in_body else (policy,), {policy[0]: value} if in_body else None)


@st.composite
def deletecollections(draw):
    """Draw a deletion of several."""
    odd = draw(oddities("body", "query"))
    query = queries(
        odd=odd == "query", labelSelector=selectors, fieldSelector=fields, limit=limits, dryRun=dry_runs, propagationPolicy=policies,
        resourceVersion=Values((None,), ("0", "x", "$mark:1$")),
    )  # fmt: skip
    body = draw(delete_bodies(odd=odd == "body")) if odd == "body" or draw(st.booleans()) else None
    return Operation("DELETE", "", draw(query), body, accept=draw(accepting(odd)))


@st.composite
def lists(draw):
    """Draw a list."""
    odd = draw(oddities("query"))
    if draw(often([False], 3, True)):
        query = (
            *draw(queries(odd=False, labelSelector=Values((None, None, "a"), ()), limit=limits)),
            ("continue", "$token$"),
        )
        return Operation("GET", "", query, accept=draw(accepting(odd)))
    query = queries(
        odd=odd == "query", labelSelector=selectors, fieldSelector=fields, limit=limits, resourceVersion=revisions,
        resourceVersionMatch=Values((None,), ("Exact", "NotOlderThan", "x", "")), sendInitialEvents=Values((None,), ("true", "false")),
        includeObject=Values((None,) * 5 + ("None", "Object", "Metadata"), ("x",)), **{"continue": Values((None,), ("x", "", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"))},
    )  # fmt: skip
    return Operation("GET", "", draw(query), accept=draw(accepting(odd)), everywhere=draw(often([False], 5, True)))


@st.composite
def gets(draw):
    """Draw a get."""
    odd = draw(oddities("query"))
    query = queries(
        odd=odd == "query",
        resourceVersion=revisions,
        includeObject=Values((None,) * 5 + ("None", "Object", "Metadata"), ("x",)),
    )
    return Operation(
        "GET", f"/{draw(names)}{draw(often([''], 5, '/status'))}", draw(query), accept=draw(accepting(odd))
    )


@st.composite
def watches(draw):
    """Draw a watch that ends within a second."""
    odd = draw(oddities("query"))
    initial = draw(
        st.sampled_from(
            [
                (),
                (),
                (
                    ("sendInitialEvents", "true"),
                    ("resourceVersionMatch", "NotOlderThan"),
                    ("allowWatchBookmarks", "true"),
                ),
            ]
        )
    )
    query = queries(
        odd=odd == "query", labelSelector=selectors, fieldSelector=fields, limit=Values((None,), ("1", "x")),
        resourceVersion=Values((None, "$mark:1$", "$mark:3$", "$mark:8$", "0"), ("x", "-1", "", "9" * 18)),
        resourceVersionMatch=Values((None,), () if initial else ("NotOlderThan", "Exact")),
        sendInitialEvents=Values((None,), () if initial else ("true", "false")),
        allowWatchBookmarks=Values((None,), () if initial else flags.odd),
        timeoutSeconds=Values(("1",), ("x", "")),
    ) if not (initial and odd == "query") else queries(odd=False, timeoutSeconds=Values(("1",), ()), resourceVersion=Values((None, "0", "$mark:2$"), ()))  # fmt: skip
    drawn = draw(query)
    if not any(name == "timeoutSeconds" for name, _ in drawn):
        drawn = (*drawn, ("timeoutSeconds", "1"))
    return Operation("GET", "", (("watch", "true"), *drawn, *initial), accept=draw(accepting(odd)))


@st.composite
def unsound(draw):
    """Draw what no client of sound mind asks."""
    method = draw(st.sampled_from(["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "GET", "TRACE", "MKCOL"]))
    name = draw(names)
    path = draw(
        st.sampled_from(
            [
                "",
                f"/{name}",
                f"/{name}/status",
                f"/{name}/scale",
                f"/{name}/else",
                f"/{name}/status/x",
                f"/{name}/",
                "/",
                "//",
                f"/{name}/scale/x",
            ]
        )
    )
    body = {"a": 1} if method in {"POST", "PUT", "PATCH"} else None
    return Operation(
        method, path, (), body, draw(st.sampled_from([JSON, MERGE_PATCH])), everywhere=draw(often([False], 4, True))
    )


#: verb → (of what it is drawn, how often).
VERBS = {
    "apply": (applies(), 5), "create": (creates(), 5), "update": (updates(), 4), "patch": (patches(), 5), "scale": (scales(), 2), "delete": (deletes(), 3),
    "deletecollection": (deletecollections(), 1), "list": (lists(), 3), "get": (gets(), 2), "watch": (watches(), 1), "unsound": (unsound(), 1),
}  # fmt: skip
verbs = st.sampled_from([verb for verb, (_, times) in VERBS.items() for _ in range(times)])
#: With what takes seconds.
SLOW = {**VERBS, "cascade": (cascades(), 1)}
slow_verbs = st.sampled_from([verb for verb, (_, times) in SLOW.items() for _ in range(times)])
