"""The kubelet's own view of the API server: calls that outlast its restarts, and watches that never miss a change."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
import yaml
from requests.adapters import HTTPAdapter

Json = dict[str, Any]

STRATEGIC = "application/strategic-merge-patch+json"
_RETRY_S = 60.0
_WATCH_S = 240
_GONE = 410


class ApiError(Exception):
    """What the API server refused, and how."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ApiClient:
    """As the user of `kubeconfig`, whose client certificate is put into `folder`."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text("utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self.url: str = cluster["server"]
        self.ca, certificate, key = folder / "ca.crt", folder / "client.crt", folder / "client.key"
        self.ca.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        certificate.write_bytes(base64.b64decode(user["client-certificate-data"]))
        key.touch(mode=0o600)
        key.write_bytes(base64.b64decode(user["client-key-data"]))
        self.closed = threading.Event()
        self._pool = ThreadPoolExecutor(16, "kubelet-api")
        self._certificate = (str(certificate), str(key))
        self._session = self.session()

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify, session.cert = str(self.ca), self._certificate
        session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=16))
        return session

    def request(
        self, method: str, path: str, body: Json | None = None, content_type: str = "application/json", params: dict[str, str] | None = None
    ) -> Json:
        """Tried again while the API server is away, for a bounded time."""
        data = None if body is None else json.dumps(body)
        deadline_s = time.monotonic() + _RETRY_S
        while True:
            try:
                headers = {"Content-Type": content_type}
                answer = self._session.request(method, self.url + path, data=data, headers=headers, params=params, timeout=(5, 30))
            except requests.RequestException:
                if self.closed.wait(0.1) or time.monotonic() > deadline_s:
                    raise
                continue
            if answer.ok:
                return dict(answer.json())
            if answer.status_code not in (429, 500, 503) or self.closed.wait(0.1) or time.monotonic() > deadline_s:
                raise ApiError(answer.status_code, answer.text)

    async def call(self, method: str, path: str, body: Json | None = None, content_type: str = "application/json") -> Json:
        """`request` beside the event loop."""
        request = functools.partial(self.request, method, path, body, content_type)
        return await asyncio.get_running_loop().run_in_executor(self._pool, request)

    async def create(self, path: str, body: Json) -> None:
        """Where it is not there yet."""
        try:
            await self.call("POST", path, body)
        except ApiError as error:
            if error.status != requests.codes.conflict:
                raise

    async def delete(self, path: str, body: Json | None = None) -> None:
        """Where it is still there, and still what `body` says in its preconditions."""
        try:
            await self.call("DELETE", path, body)
        except ApiError as error:
            if error.status not in (requests.codes.not_found, requests.codes.conflict):
                raise

    def close(self) -> None:
        self.closed.set()
        self._pool.shutdown(cancel_futures=True)
        self._session.close()


class Watch:
    """Follows a list in a thread of its own: `changed(object, gone)` for each change, also those made while the API server was away."""

    def __init__(self, api: ApiClient, path: str, changed: Callable[[Json, bool], None], field_selector: str = "") -> None:
        self._api = api
        self._path = path
        self._selector = {"fieldSelector": field_selector} if field_selector else {}
        self._changed = changed
        self._seen: dict[str, Json] = {}
        self._response: requests.Response | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._api.session() as session:
            while not self._api.closed.is_set():
                try:
                    version = self._list(session)
                    while not self._api.closed.is_set():
                        version = self._follow(session, version)
                except (requests.RequestException, ApiError):
                    self._api.closed.wait(0.1)

    def _list(self, session: requests.Session) -> str:
        answer = session.get(self._api.url + self._path, params=self._selector, timeout=30)
        if not answer.ok:
            raise ApiError(answer.status_code, answer.text)
        content = answer.json()
        items = {item["metadata"]["uid"]: item for item in content["items"]}
        for uid in self._seen.keys() - items.keys():
            self._changed(self._seen.pop(uid), True)
        for uid, item in items.items():
            self._seen[uid] = item
            self._changed(item, False)
        return str(content["metadata"]["resourceVersion"])

    def _follow(self, session: requests.Session, version: str) -> str:
        params = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_S)}
        with session.get(
            self._api.url + self._path, params={**params, **self._selector}, stream=True, timeout=(5, _WATCH_S + 30)
        ) as response:
            if not response.ok:
                raise ApiError(response.status_code, response.text)
            self._response = response
            if self._api.closed.is_set():
                return version
            for line in response.iter_lines(chunk_size=None):
                event = json.loads(line)
                item = event["object"]
                if event["type"] == "ERROR":
                    raise ApiError(int(item.get("code", _GONE)), str(item.get("message")))
                version = item["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK":
                    continue
                gone = event["type"] == "DELETED"
                if gone:
                    self._seen.pop(item["metadata"]["uid"], None)
                else:
                    self._seen[item["metadata"]["uid"]] = item
                self._changed(item, gone)
        return version

    def close(self) -> None:
        """After the client's `closed` is set: ends the read that waits, then the thread."""
        if self._response is not None:
            with suppress(ValueError, OSError, RuntimeError):  # it is over already
                self._response.raw.shutdown()
        self._thread.join(10)
