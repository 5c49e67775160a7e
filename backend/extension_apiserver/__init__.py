"""Makes any WSGI application a correct Kubernetes extension API server.

app = Flask(__name__)
cats = Resource(kind="Cat", plural="cats", description="A cat.", verbs={"list": list_cats})

if __name__ == "__main__":
    raise SystemExit(main(app, [cats]))
"""

from .cli import main
from .identity import Identity
from .resources import Api, Call, Column, Object, Resource
from .serve import serve
from .settings import Settings, SettingsError
from .status import StatusError, invalid, not_found
from .wsgi import HEADERS_KEY, IDENTITY_KEY

__all__ = [
    "HEADERS_KEY",
    "IDENTITY_KEY",
    "Api",
    "Call",
    "Column",
    "Identity",
    "Object",
    "Resource",
    "Settings",
    "SettingsError",
    "StatusError",
    "invalid",
    "main",
    "not_found",
    "serve",
]
