"""Probes of containers: gRPC, HTTP, TCP and commands, at a pace that suits tests."""

from __future__ import annotations

import asyncio
import http.client
import math
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.kube_cluster.api_client import Json
from tests.support.kube_cluster.service_names import container_port

PERIOD_S = 0.5
_CHANNEL = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))

Run = Callable[[list[str], float], Awaitable[bool]]


def http_ok(action: Json, host: str, port: int, timeout_s: float) -> bool:
    """GET: an answer from 200 to 399. A certificate is not verified, as the kubelet does not."""
    headers = {item["name"]: item["value"] for item in action.get("httpHeaders", ())}
    connection: http.client.HTTPConnection
    if action.get("scheme") == "HTTPS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", action.get("path", "/"), headers=headers)
        with connection.getresponse() as response:
            return 200 <= response.status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _grpc_ok(host: str, port: int, service: str, timeout_s: float) -> bool:
    with grpc.insecure_channel(f"{host}:{port}", options=_CHANNEL) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _tcp_ok(host: str, port: int, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    except OSError:
        return False
    return True


class Probe:
    """One of a container's. `period_s` and the first delay are shortened, and `patience` says how often it may fail for that."""

    def __init__(self, probe: Json, pod_spec: Json, address: str, run: Run, pool: ThreadPoolExecutor) -> None:
        self._probe = probe
        self._pod_spec = pod_spec
        self._address = address
        self._run = run
        self._pool = pool
        specified_s, failures = float(probe.get("periodSeconds", 10)), int(probe.get("failureThreshold", 3))
        self.period_s = min(specified_s, PERIOD_S)
        self.delay_s = min(float(probe.get("initialDelaySeconds", 0)), PERIOD_S)
        self.failures = failures
        self.successes = int(probe.get("successThreshold", 1))
        self.patience = math.ceil((float(probe.get("initialDelaySeconds", 0)) + failures * specified_s) / self.period_s)
        self.grace_s: float | None = probe.get("terminationGracePeriodSeconds")

    async def passes(self) -> bool:
        timeout_s = float(self._probe.get("timeoutSeconds", 1))
        loop = asyncio.get_running_loop()
        if "exec" in self._probe:
            return await self._run(self._probe["exec"]["command"], timeout_s)
        if "grpc" in self._probe:
            action = self._probe["grpc"]
            return await loop.run_in_executor(self._pool, _grpc_ok, self._address, action["port"], action.get("service") or "", timeout_s)
        action = self._probe.get("httpGet") or self._probe["tcpSocket"]
        host, port = action.get("host") or self._address, container_port(self._pod_spec, action["port"])
        if "httpGet" in self._probe:
            return await loop.run_in_executor(self._pool, http_ok, action, host, port, timeout_s)
        return await _tcp_ok(host, port, timeout_s)

    async def until(self, passing: bool, threshold: int) -> None:
        """Return once it passed, or failed, so many times in a row."""
        row = 0
        while row < threshold:
            row = row + 1 if await self.passes() == passing else 0
            if row < threshold:
                await asyncio.sleep(self.period_s)
