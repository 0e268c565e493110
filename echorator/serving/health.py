"""`grpc.health.v1.Health` for grpc.aio, with any number of watchers for one service.

(grpcio-health-checking's own servicer forgets the other watchers of a service when one of them leaves.) Fed by
`server` with statuses; load balancers and Kubernetes read it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVICE = "grpc.health.v1.Health"


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Serving or not, by service name; an unknown name is NOT_FOUND to Check and SERVICE_UNKNOWN to Watch."""

    def __init__(self) -> None:
        self._serving: dict[str, bool] = {}
        self._changed: asyncio.Event = asyncio.Event()
        self._shutting_down = False

    def set(self, service: str, serving: bool) -> None:
        """Tell the watchers. After `shut_down` nothing serves again."""
        self._serving[service] = serving and not self._shutting_down
        self._wake()

    def forget(self, service: str) -> None:
        """The service is no more."""
        self._serving.pop(service, None)
        self._wake()

    def shut_down(self) -> None:
        """Every service becomes NOT_SERVING, for good."""
        self._shutting_down = True
        self._serving = dict.fromkeys(self._serving, False)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _reply(self, service: str) -> health_pb2.HealthCheckResponse:
        serving = self._serving.get(service)
        if serving is None:
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        if serving:
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: aio.ServicerContext[Any, Any]) -> health_pb2.HealthCheckResponse:
        """The status now."""
        if request.service not in self._serving:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service[:200]!r} is known here")
        return self._reply(request.service)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: aio.ServicerContext[Any, Any]) -> None:
        """The status now and after every change."""
        sent = None
        while True:
            changed = self._changed
            reply = self._reply(request.service)
            if reply != sent:
                await context.write(reply)
                sent = reply
            await changed.wait()
