"""A user's own API: `kubectl get animals` and `kubectl get --raw /apis/zoo.example.com/v1/opening-hours`."""

from flask import Flask, request

from extension_apiserver import IDENTITY_KEY, Call, Column, Object, Resource, StatusError, Subresource, main, not_found

app = Flask(__name__)
zoo: dict[str, Object] = {"leo": {"metadata": {"name": "leo"}, "spec": {"species": "lion", "legs": 4}}}


@app.get("/apis/<group>/<version>/opening-hours")
def opening_hours(group: str, version: str) -> Object:
    return {"group": group, "version": version, "open": "9-17", "visitor": request.environ[IDENTITY_KEY].user}


def get_animal(call: Call) -> Object:
    if call.name not in zoo:
        raise not_found("zoo.example.com", "animals", call.name)
    return zoo[call.name]


def create_animal(call: Call) -> Object:
    if call.body["metadata"]["name"] in zoo:
        raise StatusError(409, "that animal lives here already", reason="AlreadyExists")
    return call.body if call.dry_run else zoo.setdefault(call.body["metadata"]["name"], call.body)


animals = Resource(
    kind="Animal",
    plural="animals",
    description="An animal of the zoo.",
    verbs={"list": lambda _call: list(zoo.values()), "get": get_animal, "create": create_animal},
    schema={"spec": {"type": "object", "properties": {"species": {"type": "string"}, "legs": {"type": "integer"}}}},
    columns=[Column("Species", lambda animal: animal["spec"].get("species"))],
    subresources={"log": Subresource(read=lambda call: f"{get_animal(call)['metadata']['name']} sleeps\n")},
)

if __name__ == "__main__":
    raise SystemExit(main(app, [animals]))
