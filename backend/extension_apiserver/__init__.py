"""Makes any WSGI or ASGI application a correct Kubernetes extension API server.

app = Flask(__name__)
cats = Resource(kind="Cat", plural="cats", description="A cat.", verbs={"list": list_cats})

if __name__ == "__main__":
    raise SystemExit(main(app, [cats]))
"""

from .api.call import Call, Object, Subresource
from .api.column import Column
from .api.resources import Api, Resource
from .api.stored import Scale, Version
from .apps.wsgi import HEADERS_KEY, IDENTITY_KEY
from .cli import main
from .serve import serve
from .settings import Settings, SettingsError
from .status import StatusError, invalid, not_found
from .streams import Gone, Peer
from .trust.identity import Identity

__all__ = [
    "HEADERS_KEY",
    "IDENTITY_KEY",
    "Api",
    "Call",
    "Column",
    "Gone",
    "Identity",
    "Object",
    "Peer",
    "Resource",
    "Scale",
    "Settings",
    "SettingsError",
    "StatusError",
    "Subresource",
    "Version",
    "invalid",
    "main",
    "not_found",
    "serve",
]
