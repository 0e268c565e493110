"""The Secret of the webhooks' certificates, which all replicas share: whoever looks first makes it, and renews what is due.

A new authority is trusted by the webhook configurations before anything is issued by it, and an old one as long as the Secret has it: no
handshake fails on the way. Decided by `webhook_certificates`; feeds `webhook_server`.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from echorator.errors import EchoratorError
from echorator.kube.client import AbsentError, Client, ConflictError, InvalidObjectError
from echorator.kube.install import WEBHOOK_SECRET
from echorator.kube.resources import MUTATING, SECRET, VALIDATING, Kind, Object
from echorator.kube.webhook_certificates import Credentials, DamagedError, issued, read, renewed

_log = logging.getLogger(__name__)

LOOK_S = 60.0
FIRST_RETRY_S = 1.0
TRIES = 5
SECRET_TYPE = "kubernetes.io/tls"


def utc_now() -> datetime:
    """Of this machine."""
    return datetime.now(UTC)


class SharedCertificates:
    """`run` it, or `look` once; `use` is given what to serve with whenever it is another one."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        configuration: str,
        hosts: tuple[str, ...],
        use: Callable[[Credentials], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """The Secret is in `namespace`; `configuration` is the name of both webhook configurations."""
        self._client = client
        self._namespace = namespace
        self._configuration = configuration
        self._hosts = hosts
        self._use = use
        self._clock = clock
        self._used: x509.Certificate | None = None

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                await self.look()
                failures = 0
                wait_s = LOOK_S
            except EchoratorError as error:
                wait_s = min(LOOK_S, FIRST_RETRY_S * 2.0 ** min(failures, 20))
                failures += 1
                level = logging.INFO if isinstance(error, ConflictError) else logging.WARNING
                _log.log(level, "webhook certificates not looked at", extra={"error": str(error), "wait_s": wait_s})
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))

    async def look(self) -> None:
        """Renew what is due, have the API server trust it, use it. Raises ApiError."""
        # Before the Secret, so that a bundle older than the one that is there is never written over it: that would be a conflict.
        configurations = [(kind, await self._there(kind)) for kind in (VALIDATING, MUTATING)]
        held = await self._held()
        try:
            for kind, there in configurations:
                if there is None:
                    continue
                bundle = base64.b64encode(held.bundle).decode()
                webhooks = [{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": bundle}} for hook in there.get("webhooks") or ()]
                if webhooks != (there.get("webhooks") or []):
                    metadata = {"resourceVersion": there["metadata"]["resourceVersion"]}
                    await self._client.merge(kind, "", self._configuration, {"metadata": metadata, "webhooks": webhooks})
                    _log.info("webhook configuration trusts", extra={"kind": kind.name, "authorities": len(held.authorities)})
        finally:
            if self._used != held.certificate:
                self._use(held)
                self._used = held.certificate

    async def _there(self, kind: Kind) -> Object | None:
        try:
            return await self._client.get(kind, "", self._configuration)
        except AbsentError:
            return None

    async def _held(self) -> Credentials:
        """What all replicas agree on."""
        for _ in range(TRIES):
            try:
                return await self._renewed()
            except ConflictError:
                continue  # somebody else was quicker, and what it wrote is as good
        return await self._renewed()

    async def _renewed(self) -> Credentials:
        now = self._clock()
        metadata = {"namespace": self._namespace, "name": WEBHOOK_SECRET}
        where = {"secret": f"{self._namespace}/{WEBHOOK_SECRET}"}
        try:
            secret = await self._client.get(SECRET, self._namespace, WEBHOOK_SECRET)
        except AbsentError:
            made = issued(self._hosts, now)
            new = {"apiVersion": SECRET.api_version, "kind": SECRET.name, "type": SECRET_TYPE, "metadata": metadata, "data": made.data}
            await self._client.create(SECRET, new)
            _log.info("webhook certificates made", extra=where)
            return made
        held: Credentials | None = None
        try:
            held = read(secret)
            wanted = renewed(held, self._hosts, now)
        except DamagedError as error:
            _log.warning("webhook certificates are damaged, new ones replace them", extra={**where, "error": str(error)})
            wanted = issued(self._hosts, now)
        if wanted is held:
            return held
        try:
            await self._client.replace(SECRET, {**secret, "data": wanted.data})
        except InvalidObjectError as error:  # of a type that needs other content, or immutable
            raise InvalidObjectError(f"the Secret {where['secret']} is somebody else's; delete it ({error})") from error
        if held is not None:
            _log.info("webhook certificates renewed", extra=where)
        return wanted
