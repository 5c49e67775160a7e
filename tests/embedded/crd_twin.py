"""A CustomResourceDefinition on a real API server and our functions, asked the same."""

import datetime as dt
import json
import random
import re
import uuid

import yaml

from extension_apiserver.objects import patching, writing
from extension_apiserver.objects.apply.managers import manager_name
from extension_apiserver.objects.apply.typed.atoms import atom_of_kind
from extension_apiserver.objects.apply.versions import Versions
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.kind import Kind
from extension_apiserver.objects.request import Request
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.selectors.names import SUFFIX_LENGTH, SUFFIX_LETTERS
from extension_apiserver.status import StatusError
from pytest_apiservice.base.wait import NotYet, wait_for

GROUP, NAMESPACE = "twins.example.com", "default"
APPLY = "application/apply-patch+yaml"
_REGEX_OF_GO = re.compile(r"regex used for validation is '[^']*'")


def definition(schema, group=GROUP):
    """Return the CRD of twins."""
    names = {"kind": "Twin", "plural": "twins", "singular": "twin", "listKind": "TwinList"}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"twins.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


class Theirs:
    """The CRD, by HTTP."""

    def __init__(self, api, group=GROUP):
        self.session = api.session()
        self.url = f"{api.server}/apis/{group}/v1/namespaces/{NAMESPACE}/twins"

    def send(self, method, path, body, content_type, query):
        """Return code, answer and warnings."""
        answer = self.session.request(
            method,
            self.url + path,
            data=body,
            headers={"Content-Type": content_type, "User-Agent": "twin/1"},
            params=query,
            timeout=30,
        )
        warnings = re.findall(r'299 - "((?:[^"\\]|\\.)*)"', answer.headers.get("Warning", ""))
        return answer.status_code, answer.json(), [re.sub(r"\\(.)", r"\1", one) for one in warnings]


class Ours:
    """Our functions, over one dict."""

    def __init__(self, schema, group=GROUP):
        self.kind = Kind(group, "v1", "Twin", "twins", structural(schema), namespaced=True, has_status=True)
        self.versions = Versions({self.kind.api_version: atom_of_kind(self.kind.schema)}, lambda value, _version: value)
        self.stored = {}
        self.revision = 0

    def send(self, method, path, body, content_type, query):
        """Return code, answer and warnings."""
        _, name, subresource, *_ = [*path.split("/"), "", ""]
        old = self.stored.get(name)
        request = Request(
            self.kind,
            self.versions,
            NAMESPACE,
            name,
            query.get("fieldManager", "")
            if content_type == APPLY
            else manager_name(query.get("fieldManager", ""), "twin/1"),
            dt.datetime.now(dt.UTC),
            subresource,
            query.get("fieldValidation", ""),
        )
        try:
            new, warnings = self._written(method, body, content_type, query, old, request)
        except StatusError as error:
            return error.code, json.loads(error.body()), []
        if method == "GET":
            return 200, new, []
        if new is not old and "dryRun" not in query:
            self.revision += 1
            new = json.loads(json.dumps(new))
            new["metadata"]["resourceVersion"] = str(self.revision)
            self.stored[new["metadata"]["name"]] = new
        return 201 if old is None else 200, new, warnings

    def _written(self, method, body, content_type, query, old, request):
        if method == "GET":
            return old, []
        if method == "POST":
            suffix = "".join(random.choices(SUFFIX_LETTERS, k=SUFFIX_LENGTH))  # noqa: S311 - it only has to differ
            return writing.create(body, request, uid=str(uuid.uuid4()), suffix=suffix)
        if method == "PUT":
            return writing.update(body, old, request)
        if content_type == APPLY:
            said, twice = parse(body)
            return patching.apply(said, twice, old, request, force="force" in query, uid=str(uuid.uuid4()))
        return patching.patch(body, old, request, content_type)


class Twins:
    """Both, and what they answered differently."""

    def __init__(self, api, schema, group=GROUP):
        self.theirs, self.ours = Theirs(api, group), Ours(schema, group)

    def send(self, method, path, body=None, content_type="application/json", **query):
        """Ask both; return their answers as they can be compared."""
        answers = []
        for side in (self.theirs, self.ours):
            sent = body(side) if callable(body) else body
            text = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
            code, answer, warnings = side.send(method, path, text, content_type, query)
            # A refusal has no warnings here: they are about an object that is not stored.
            answers.append(
                {"code": code, "answer": comparable(answer), "warnings": sorted(warnings) if code < 400 else []}
            )
        return answers

    def current(self, name):
        """Return a function that returns a side's own object, to be changed and sent."""
        return lambda side: side.send("GET", f"/{name}", b"", "application/json", {})[1]


def comparable(answer):
    """Return an answer without what differs from server to server: uid, times, revisions; and without an order that Go chooses by chance."""
    if answer.get("kind") == "Status":
        return _comparable_status(answer)
    kept = json.loads(json.dumps(answer))
    metadata = kept["metadata"]
    if "generateName" in metadata:
        metadata["name"] = len(metadata["name"])
    for name in ("uid", "creationTimestamp", "resourceVersion"):
        metadata[name] = bool(metadata.get(name))
    for entry in metadata.get("managedFields", []):
        entry["time"] = bool(entry.get("time"))
    metadata.get("managedFields", []).sort(
        key=lambda one: (one["operation"], one["manager"], one.get("subresource", ""))
    )
    return kept


def _comparable_status(answer):
    details = answer.get("details", {})
    causes = {
        (one.get("field", ""), one.get("reason", ""), _comparable_words(one.get("message", "")))
        for one in details.get("causes", [])
    }
    return {
        "reason": answer.get("reason", ""),
        "causes": sorted(causes),
        "about": {name: _comparable_words(details.get(name, "")) for name in ("name", "group", "kind")},
        # The sentences of several causes come in any order; those of one are told as they are.
        "message": _comparable_words(answer["message"])
        if len(causes) < 2
        else sorted(re.split(r", |\n|\[|\]", _comparable_words(answer["message"]))),
    }


#: What was patched is told as a whole by kube-apiserver, and here up to a limit.
_PATCHED = re.compile(r'Invalid value: "\{.*?(?:\}\}"|…"): |in \'\{.*\}\'$', re.DOTALL)
_GENERATED = re.compile(r"\b(B_)[bcdfghjklmnpqrstvwxz2456789]{5}\b")


def _comparable_words(text):
    return _GENERATED.sub(r"\1…", _PATCHED.sub("…", text))


def await_definition(api, schema, group=GROUP):
    """Create the CRD and wait until it is served."""
    made = definition(schema, group)
    api.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", made)
    session = api.session()
    url = f"{api.server}/apis/{group}/v1/namespaces/{NAMESPACE}/twins"

    def served():
        if session.get(url, timeout=30).status_code != 200:
            raise NotYet(f"{url} is not served")

    wait_for(f"the CRD {made['metadata']['name']}", served, timeout_seconds=60)


def of_yaml(text):
    """Return what YAML says."""
    return yaml.safe_load(text)
