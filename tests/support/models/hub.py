"""Hugging Face's hub, played by two servers: one names the files and their commit, the other one has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.models.servers import BadServer, Manners, bad_server

COMMIT = "c0ffee" + "0" * 34


class FakeHub:
    """A hub whose files lie on another server, as Hugging Face's do."""

    def __init__(self, files: dict[str, bytes], token: str = "") -> None:
        self.files = files
        self.token = token
        self.cdn: BadServer | None = None
        self.hub: BadServer | None = None

    def listing(self) -> bytes:
        def sibling(name: str, data: bytes) -> dict[str, Any]:
            large = {"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}} if name.endswith(".gguf") else {}
            return {"rfilename": name, "size": len(data), **large}

        return json.dumps({"sha": COMMIT, "siblings": [sibling(*file) for file in self.files.items()]}).encode()

    def answer(self, request: BaseHTTPRequestHandler, _number: int) -> bool:
        assert self.cdn is not None
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            BadServer.say(request, 401)
            return True
        prefix = f"/org/repo/resolve/{COMMIT}/"
        if request.path.startswith(prefix):
            BadServer.say(request, 302, Location=f"{self.cdn.url}/{request.path.removeprefix(prefix)}?signed=1")
            return True
        if request.path.startswith("/api/models/org/repo/revision/"):
            body = self.listing()
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
            return True
        return False


@contextmanager
def fake_hub(files: dict[str, bytes], token: str = "") -> Iterator[FakeHub]:
    made = FakeHub(files, token)
    with bad_server({f"/{name}?signed=1": data for name, data in files.items()}) as cdn, bad_server({}, Manners(before=made.answer)) as hub:
        made.cdn, made.hub = cdn, hub
        yield made
