"""A program whose streams are asked about from outside: `python3 streams_backend.py wsgi`, or `asgi`. It runs in the backend's image.

What ends a path says what it does; before that stands a room, so that one test does not see another's:
    GET  …/<room>/log, …/<room>/events   numbered server-sent events, each made once it was asked for
    POST …/<room>/next                   asks for one
    GET  …/<room>/state                  {"made": events, "closed": whether the stream is, "code": of the WebSocket's end}
    GET  …/<room>/bytes?count=           so many bytes
    POST …/<room>/bytes                  how many bytes came
    GET  …/<room>/memory                 of this process, in KiB
         …/<room>/chat                   WebSocket: says the caller's name, and then what it is told
"""

import asyncio
import itertools
import json
import re
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qs

from flask import Flask, Response, request, stream_with_context

from extension_apiserver import main

PART = bytes(65536)
EVENTS = "text/event-stream"


class Room:
    """One stream, and who waits for its next event."""

    def __init__(self, asked):
        self.asked, self.made, self.closed, self.code = asked, 0, False, None

    def event(self, number):
        """Return the next event."""
        self.made = number + 1
        return b"data: %b\n\n" % json.dumps({"number": number, "at": time.time()}).encode()

    def state(self):
        """Return what is known."""
        return {"made": self.made, "closed": self.closed, "code": self.code}


def memory():
    status = Path("/proc/self/status").read_text()
    return {name: int(re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[1]) for name in ("VmRSS", "VmHWM")}


def parts(count):
    for begin in range(0, count, len(PART)):
        yield PART[: count - begin]


def plain(room, action):
    """Answer what is no stream."""
    if action == "next":
        room.asked.release()
    return memory() if action == "memory" else room.state()


def flask():
    app = Flask(__name__)
    rooms = defaultdict(lambda: Room(threading.Semaphore(0)))

    def events(room):
        try:
            for number in itertools.count():
                yield room.event(number)
                while not room.asked.acquire(timeout=1):
                    yield b": nothing new\n\n"  # a generator hears that its client has left when it gives something
        finally:
            room.closed = True

    @app.route("/apis/<group>/<version>/<path:path>/<name>/<action>", methods=["GET", "POST"])
    def answer(group, version, path, name, action):
        room = rooms[name]
        if action in {"log", "events"}:
            return Response(stream_with_context(events(room)), content_type=EVENTS)
        if action != "bytes":
            return plain(room, action)
        if request.method == "GET":
            return Response(parts(int(request.args["count"])), content_type="application/octet-stream")
        return {"count": sum(map(len, iter(lambda: request.stream.read(len(PART)), b"")))}

    return app


asgi_rooms = defaultdict(lambda: Room(asyncio.Semaphore(0)))


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    name, action = scope["path"].split("/")[-2:]
    room = asgi_rooms[name]
    if scope["type"] == "websocket":
        await chat(room, scope, receive, send)
    elif action in {"log", "events"}:
        await events(room, receive, send)
    elif action == "bytes" and scope["method"] == "GET":
        await start(send, "application/octet-stream")
        for part in parts(int(parse_qs(scope["query_string"])[b"count"][0])):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    else:
        came = await length(receive)
        await start(send, "application/json")
        answer = {"count": came} if action == "bytes" else plain(room, action)
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def start(send, content_type):
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def length(receive):
    count, more = 0, True
    while more:
        message = await receive()
        count += len(message.get("body", b""))
        more = message.get("more_body", False)
    return count


async def events(room, receive, send):
    left = asyncio.create_task(until_left(receive))
    try:
        await start(send, EVENTS)
        for number in itertools.count():
            await send({"type": "http.response.body", "body": room.event(number), "more_body": True})
            asked = asyncio.create_task(room.asked.acquire())
            await asyncio.wait([asked, left], return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if left.done():
                return
    finally:
        room.closed = True


async def until_left(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def chat(room, scope, receive, send):
    await receive()
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    await send({"type": "websocket.send", "text": scope["state"]["identity"].user})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001})
            return
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
    room.closed, room.code = True, message["code"]


if __name__ == "__main__":
    raise SystemExit(main(asgi if sys.argv.pop() == "asgi" else flask()))
