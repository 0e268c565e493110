"""`grpc.health.v1.Health` for grpc.aio, with any number of watchers for one service.

(grpcio-health-checking's own servicer forgets the other watchers of a service when one of them leaves.) Fed by
`server` with statuses; load balancers and Kubernetes read them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVICE = "grpc.health.v1.Health"
MODEL_SERVICE = "echorator.v1.ModelService"


def model_service(name: str) -> str:
    """Return the service name under which the health of one model is asked for."""
    return f"{MODEL_SERVICE}/{name}"


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """The health servicer of one server, by service name; an unknown name is NOT_FOUND to Check and SERVICE_UNKNOWN to Watch."""

    def __init__(self) -> None:
        self._serving: dict[str, bool] = {}
        self._changed: asyncio.Event = asyncio.Event()
        self._shutting_down = False

    def set(self, service: str, serving: bool) -> None:
        """Set a service's status and tell its watchers. After `shut_down` no service can become SERVING again."""
        self._serving[service] = serving and not self._shutting_down
        self._wake()

    def forget(self, service: str) -> None:
        """Remove a service, so that its name is unknown."""
        self._serving.pop(service, None)
        self._wake()

    def shut_down(self) -> None:
        """Set every service to NOT_SERVING, for good."""
        self._shutting_down = True
        self._serving = dict.fromkeys(self._serving, False)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def serving(self, service: str) -> bool | None:
        """Return whether a service is serving; None for a service that is not known."""
        return self._serving.get(service)

    def _reply(self, service: str) -> health_pb2.HealthCheckResponse:
        serving = self.serving(service)
        if serving is None:
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        if serving:
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: aio.ServicerContext[Any, Any]) -> health_pb2.HealthCheckResponse:
        """Return the present status of a service; NOT_FOUND for an unknown one."""
        if request.service not in self._serving:
            known = f"no service {request.service[:200]!r} is known here; a model's is {MODEL_SERVICE}/NAME"
            await context.abort(grpc.StatusCode.NOT_FOUND, known)
        return self._reply(request.service)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: aio.ServicerContext[Any, Any]) -> None:
        """Stream the present status and every later change."""
        sent = None
        while True:
            changed = self._changed
            reply = self._reply(request.service)
            if reply != sent:
                await context.write(reply)
                sent = reply
            await changed.wait()
