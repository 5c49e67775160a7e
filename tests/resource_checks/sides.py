"""Sends one operation to a side, with what is that side's own put in: uids, revisions, continue tokens, generated names."""

import dataclasses
import json
import re
from urllib.parse import urlencode

from resource_checks import twins

TIMEOUT_SECONDS = 30
JSON = "application/json"
#: $uid:a$ is the uid of the object a, $revision:a$ its resourceVersion, $older:a$ the one before that; $mark:2$ the resourceVersion that
#: the second last answer had, $token$ the last continue token, $name:gen1$ the name that was generated for "gen1".
_OWN = re.compile(r"\$(uid|revision|older|mark|token|name|group|place|keeper|first)(?::([\w-]+))?\$")
_NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclasses.dataclass(frozen=True)
class Operation:
    """One request, as it is told to both sides.

    Attributes:
        method: of HTTP.
        path: after the namespace's `twins`: "", "/a", "/a/status"; with `everywhere`, after the group's.
        query: names and values, several of a name too.
        body: bytes, or what is sent as JSON; None for none.
        content_type: of the body.
        accept: what the client takes.
        base: name of an object: `body` is a function's argument list then, see `changed`.
        everywhere: in all namespaces.
    """

    method: str
    path: str = ""
    query: tuple = ()
    body: object = None
    content_type: str = JSON
    accept: str = JSON
    base: str = ""
    everywhere: bool = False

    def __repr__(self):
        fields = ((one.name, getattr(self, one.name), one.default) for one in dataclasses.fields(self))
        return f"Operation({', '.join(f'{name}={value!r}' for name, value, default in fields if value != default)})"


@dataclasses.dataclass
class Answer:
    """What a side answered."""

    code: int
    headers: dict
    text: bytes


@dataclasses.dataclass
class Side:
    """A CustomResourceDefinition or a resource of the library, and what it told of its objects.

    Attributes:
        pool: a connection to the API server.
        objects: name → the object as it was last told.
        revisions: of each object's name, oldest first.
        marks: the resourceVersions of answers, in the order of the answers.
        names: what generated names were asked with → them.
    """

    name: str
    pool: object
    namespace: str
    keeper: str = _NOBODY
    objects: dict = dataclasses.field(default_factory=dict)
    revisions: dict = dataclasses.field(default_factory=dict)
    marks: list = dataclasses.field(default_factory=list)
    names: dict = dataclasses.field(default_factory=dict)
    token: str = ""

    @property
    def group(self):
        """The API group."""
        return twins.GROUPS[self.name]

    def send(self, operation):
        """Send an operation and return the answer."""
        path = f"/apis/{self.group}/{twins.VERSION}/"
        path += twins.PLURAL if operation.everywhere else f"namespaces/{self.namespace}/{twins.PLURAL}"
        path += self.own(operation.path)
        if operation.query:
            path += "?" + urlencode([(name, self.own(value)) for name, value in operation.query])
        headers = {"User-Agent": "twin/1 (of twins)", "Accept": operation.accept}
        body = self._body(operation)
        if body is not None:
            headers["Content-Type"] = operation.content_type
        got = self.pool.urlopen(
            operation.method, path, body=body, headers={**self.pool.headers, **headers}, timeout=TIMEOUT_SECONDS
        )
        answer = Answer(got.status, dict(got.headers.items()), got.data)
        self._remember(operation, answer)
        return answer

    def own(self, text):
        """Return a text with this side's own values."""
        return _OWN.sub(lambda found: self._value(*found.groups()), text)

    def forget(self):
        """Begin anew."""
        for one in (self.objects, self.revisions, self.marks, self.names):
            one.clear()
        self.token = ""

    def _value(self, what, name):
        known = self.revisions.get(name, [])
        if what == "uid":
            return self.objects.get(name, {}).get("metadata", {}).get("uid", _NOBODY)
        if what in {"revision", "older"}:
            back = 1 if what == "revision" else 2
            return known[-back] if len(known) >= back else "1"
        if what == "mark":
            return self.marks[-int(name)] if len(self.marks) >= int(name) else "0"
        if what == "first":
            return self.marks[0] if self.marks else "0"
        if what == "name":
            return self.names.get(name, name)
        return {"token": self.token, "group": self.group, "place": self.namespace, "keeper": self.keeper}[what]

    def _body(self, operation):
        body = operation.body
        if operation.base:
            name = self.own(operation.base)
            body = changed(self.objects.get(name) or self._missing(name), body)
        if body is None:
            return None
        if isinstance(body, bytes):
            return self.own(body.decode("latin-1")).encode("latin-1")
        return self.own(json.dumps(body)).encode()

    def _missing(self, name):
        metadata = {"name": name, "namespace": self.namespace}
        return {
            "apiVersion": f"{self.group}/{twins.VERSION}",
            "kind": twins.KIND,
            "metadata": metadata,
            "spec": {"size": 1},
        }

    def _remember(self, operation, answer):
        try:
            told = json.loads(answer.text)
        except ValueError:
            return
        if answer.code >= 300 or not isinstance(told, dict) or not isinstance(told.get("metadata"), dict):
            return
        metadata = told["metadata"]
        if ("dryRun", "All") in operation.query:
            return
        if metadata.get("continue"):
            self.token = metadata["continue"]
        if metadata.get("resourceVersion"):
            self.marks.append(metadata["resourceVersion"])
        if told.get("kind") == twins.KIND:
            name = metadata["name"]
            if metadata.get("generateName") and operation.method == "POST" and name != metadata["generateName"]:
                prefix = metadata["generateName"].rstrip("-.")
                if name.startswith(prefix):
                    self.names[prefix] = name
            self.objects[name] = told
            known = self.revisions.setdefault(name, [])
            if metadata["resourceVersion"] not in known[-1:]:
                known.append(metadata["resourceVersion"])


def changed(item, changes):
    """Return an object with changes, as a merge patch says them; "$drop$" drops a field, since None is a value here."""
    if not isinstance(changes, dict) or not isinstance(item, dict):
        return changes
    result = dict(item)
    for name, value in changes.items():
        if value == "$drop$":
            result.pop(name, None)
        else:
            result[name] = changed(result.get(name), value) if isinstance(value, dict) else value
    return result
