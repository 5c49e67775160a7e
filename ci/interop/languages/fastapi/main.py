"""Programs of FastAPI's tutorial, as its source distribution has them (docs_src), side by side."""

from docs_src.body import tutorial001 as body
from docs_src.cookie_params import tutorial001 as cookies
from docs_src.handling_errors import tutorial001 as errors
from docs_src.header_params import tutorial003 as headers
from docs_src.query_params import tutorial001 as listed
from docs_src.request_files import tutorial001 as files
from docs_src.server_sent_events import tutorial001 as events
from docs_src.stream_data import tutorial001 as stream
from docs_src.websockets_ import tutorial001 as chat
from fastapi import FastAPI

app = FastAPI()
app.mount("/body", body.app)
app.mount("/chat", chat.app)
app.mount("/cookies", cookies.app)
app.mount("/errors", errors.app)
app.mount("/events", events.app)
app.mount("/files", files.app)
app.mount("/headers", headers.app)
app.mount("/listed", listed.app)
app.mount("/stream", stream.app)
