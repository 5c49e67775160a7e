"""Programs of FastAPI's tutorial, as its source distribution has them (docs_src), side by side."""

from docs_src.body.tutorial001 import app as body
from docs_src.cookie_params.tutorial001 import app as cookies
from docs_src.handling_errors.tutorial001 import app as errors
from docs_src.header_params.tutorial003 import app as headers
from docs_src.request_files.tutorial001 import app as files
from docs_src.server_sent_events.tutorial001 import app as events
from docs_src.stream_data.tutorial001 import app as stream
from docs_src.websockets_.tutorial001 import app as chat
from fastapi import FastAPI

app = FastAPI()
for name in ("body", "cookies", "errors", "headers", "files", "events", "stream", "chat"):
    app.mount(f"/{name}", globals()[name])
