"""hello.example.com: `kubectl get things`, and `kubectl get --raw /apis/hello.example.com/v1/hello`."""

from extension_apiserver import IDENTITY_KEY, Call, Column, Object, Resource, main, not_found
from flask import Flask, request

app = Flask(__name__)
held: dict[str, Object] = {"first": {"metadata": {"name": "first"}, "spec": {"size": 1}}}


@app.get("/apis/<group>/<version>/hello")
def hello(group: str, version: str) -> str:
    return f"hello {request.environ[IDENTITY_KEY].user}, this is {group}/{version}\n"


def get_thing(call: Call) -> Object:
    if call.name not in held:
        raise not_found("hello.example.com", "things", call.name)
    return held[call.name]


things = Resource(
    kind="Thing",
    plural="things",
    description="What hello has.",
    verbs={"list": lambda _call: list(held.values()), "get": get_thing},
    schema={
        "spec": {
            "type": "object",
            "description": "What is known of it.",
            "properties": {"size": {"type": "integer", "description": "How large it is."}},
        }
    },
    columns=[Column("Size", lambda one: one["spec"].get("size"))],
)

if __name__ == "__main__":
    raise SystemExit(main(app, [things]))
