"""Stands between a client and the API server, counts what passes, and misbehaves as told: refusals, broken watches, silence."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from tests.support.kube_cluster.control_plane import ControlPlane


@dataclass(frozen=True)
class Passed:
    """One request. `path` is without its query; `status` 0: none came."""

    method: str
    path: str
    query: str
    status: int

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass
class Faults:
    """`answer` may refuse a request: a status, a Status object and headers; None lets it pass."""

    answer: Callable[[str, str, str], tuple[int, dict[str, Any], dict[str, str]] | None] = lambda _method, _path, _query: None
    silent: bool = False  # requests are taken and never answered
    passed: list[Passed] = field(default_factory=list)


def refusal(code: int, reason: str, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}


class FaultProxy:
    """`kubeconfig` leads to it; with the rights of `through`."""

    def __init__(self, plane: ControlPlane, folder: Path, through: Path | None = None) -> None:
        self.faults = Faults()
        config = yaml.safe_load((through or plane.kubeconfig).read_text("utf-8"))
        user = config["users"][0]["user"]
        self._url = plane.url
        self._context = ssl.create_default_context(cafile=str(plane.ca))
        if "client-certificate-data" in user:
            for name in ("client-certificate", "client-key"):
                (folder / name).write_bytes(base64.b64decode(user[f"{name}-data"]))
            self._context.load_cert_chain(folder / "client-certificate", folder / "client-key")
        self._token = user.get("token", "")
        self._loop = asyncio.new_event_loop()
        self._live: set[web.StreamResponse] = set()
        self._watches: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        port = self._on_loop(self._start())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
        config["users"][0]["user"] = {}
        self.kubeconfig = folder / "through-proxy.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def _on_loop(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(30)

    async def _start(self) -> int:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        sockets = site._server.sockets  # type: ignore[union-attr]  # the port that was free
        return int(sockets[0].getsockname()[1])

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        faults = self.faults
        if faults.silent:
            await asyncio.Event().wait()
        refused = faults.answer(request.method, request.path, request.query_string)
        if refused is not None:
            status, body, headers = refused
            faults.passed.append(Passed(request.method, request.path, request.query_string, status))
            return web.Response(status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json", **headers})
        headers = {k: v for k, v in request.headers.items() if k.lower() in ("accept", "content-type")}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        url = f"{self._url}{request.path_qs}"
        try:
            async with self._session.request(request.method, url, headers=headers, data=await request.read()) as upstream:
                faults.passed.append(Passed(request.method, request.path, request.query_string, upstream.status))
                kept = {k: v for k, v in upstream.headers.items() if k.lower() in ("content-type", "retry-after")}
                response = web.StreamResponse(status=upstream.status, headers=kept)
                task = asyncio.current_task()
                assert task is not None
                if "watch=true" in request.query_string:
                    self._watches.add(task)
                    task.add_done_callback(self._watches.discard)
                await response.prepare(request)
                async for chunk in upstream.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except aiohttp.ClientError:
            faults.passed.append(Passed(request.method, request.path, request.query_string, 0))
            assert request.transport is not None
            request.transport.close()
            return web.Response(status=502)

    def cut_watches(self) -> int:
        """Every watch that is open breaks now; returns how many."""

        async def cut() -> int:
            tasks = list(self._watches)
            for task in tasks:
                task.cancel()
            return len(tasks)

        return int(self._on_loop(cut()))

    def close(self) -> None:
        async def stop() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._runner.cleanup()
            open_ = asyncio.all_tasks() - {asyncio.current_task()}  # watches, and what waits in silence
            for task in open_:
                task.cancel()
            await asyncio.gather(*open_, return_exceptions=True)
            await self._session.close()
            await self._loop.shutdown_asyncgens()
            for _ in range(10):  # transports close in the turns of the loop that follow
                await asyncio.sleep(0.01)

        self._on_loop(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
