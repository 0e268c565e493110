"""Serves a store's manifests and blobs over HTTP, so that a cluster pulls a model once; and the client of such a server.

GET /manifests/PLACE   the manifest of a reference
GET /blobs/DIGEST      a blob, or a range of it
GET /progress          {"stage", "done_bytes", "total_bytes"} of the pull that fills the store
GET /ready             200 once that pull is over, 503 before
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from echorator.model_files.http import Http, Target, small_body
from echorator.model_files.reference import Remote
from echorator.model_files.retrying import retried
from echorator.model_files.store import MANIFEST_BYTES, Layer, Manifest, Store, StoreError, manifest_of
from echorator.model_files.transfer import Origin, refuse

READY = "ready"


def store_app(store: Store, progress: Callable[[], tuple[str, int, int]]) -> Starlette:
    """Return the application; `progress` returns the stage of the pull that fills the store, bytes done and bytes in all."""

    def manifest(request: Request) -> Response:
        try:
            text = store.text_at(tuple(request.path_params["place"].split("/")))
        except StoreError as error:
            return PlainTextResponse(str(error), 400)
        return Response(text, media_type="application/json") if text is not None else PlainTextResponse("it was not pulled here", 404)

    def blob(request: Request) -> Response:
        try:
            path: Path = store.blob(request.path_params["digest"])
        except StoreError as error:
            return PlainTextResponse(str(error), 400)
        return FileResponse(path) if path.is_file() else PlainTextResponse("there is no such blob", 404)

    def how_far(_: Request) -> Response:
        stage, done_bytes, total_bytes = progress()
        return JSONResponse({"stage": stage, "done_bytes": done_bytes, "total_bytes": total_bytes})

    def ready(_: Request) -> Response:
        stage = progress()[0]
        return PlainTextResponse(stage, 200 if stage == READY else 503)

    routes = (("/manifests/{place:path}", manifest), ("/blobs/{digest}", blob), ("/progress", how_far), ("/ready", ready))
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes])


class OtherStore:
    """A client of a store server."""

    def __init__(self, url: str, http: Http) -> None:
        self._url = url.rstrip("/")
        self._http = http

    def manifest(self, reference: Remote) -> Manifest:
        """Return the manifest of a reference. Raises AbsentError, NetworkError, StoreError."""
        url = f"{self._url}/manifests/{'/'.join(quote(part, safe='') for part in reference.place)}"

        def text() -> bytes:
            response = self._http.open(Target(url, {}))
            with response:
                refuse(url, response.status_code, response.reason)
                return small_body(response, MANIFEST_BYTES)

        return manifest_of(retried(text), url)

    def origin_of(self, layer: Layer) -> Origin:
        """Return where the server has a blob."""
        return Origin(lambda: Target(f"{self._url}/blobs/{layer.digest}", {}))
