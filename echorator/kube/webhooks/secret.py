"""The Secret with the webhooks' certificates, which all replicas share: the first replica makes it, and any replica renews what is due.

The webhook configurations trust a new authority before it issues anything, and an old one as long as the Secret has it, so that no
handshake fails meanwhile. `certificates` decides what is due; feeds `server`.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from echorator.backoff import Backoff
from echorator.errors import EchoratorError
from echorator.kube.api.client import AbsentError, Client, ConflictError, InvalidObjectError
from echorator.kube.api.resources import MUTATING, SECRET, VALIDATING, Kind, Object
from echorator.kube.installation import WEBHOOK_SECRET
from echorator.kube.webhooks.certificates import Credentials, DamagedError, issued, read, renewed

_log = logging.getLogger(__name__)

LOOK_S = 60.0
RETRY = Backoff(first_s=1.0, longest_s=LOOK_S, jitter=(0.8, 1.2))
TRIES = 5
SECRET_TYPE = "kubernetes.io/tls"


def utc_now() -> datetime:
    """Return the time of this machine's clock in UTC."""
    return datetime.now(UTC)


class SharedCertificates:
    """The shared certificates. `run` keeps them current; `use` gets the credentials to serve with whenever they change."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        configuration: str,
        hosts: tuple[str, ...],
        use: Callable[[Credentials], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Keep what to look after, without a call.

        The Secret is in `namespace`; `configuration` is the name of both webhook configurations.
        """
        self._client = client
        self._namespace = namespace
        self._configuration = configuration
        self._hosts = hosts
        self._use = use
        self._clock = clock
        self._used: x509.Certificate | None = None

    async def run(self) -> None:
        """Call `look` every LOOK_S until cancelled; failures are retried with backoff."""
        failures = 0
        while True:
            try:
                await self.look()
                failures = 0
                wait_s = LOOK_S
            except EchoratorError as error:
                failures += 1
                wait_s = RETRY.wait_s(failures)
                level = logging.INFO if isinstance(error, ConflictError) else logging.WARNING
                _log.log(level, "webhook certificates not looked at", extra={"error": str(error), "wait_s": wait_s})
            await asyncio.sleep(RETRY.spread_s(wait_s, random.random()))

    async def look(self) -> None:
        """Renew what is due, make the API server trust it, and use it. Raises ApiError."""
        # Read before the Secret, so that an older bundle never overwrites a newer one: that would be a conflict.
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
        """Return the credentials that all replicas agree on."""
        for _ in range(TRIES):
            try:
                return await self._renewed()
            except ConflictError:
                continue  # another replica was quicker, and what it wrote is as good
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
        except InvalidObjectError as error:  # its type needs other content, or it is immutable
            raise InvalidObjectError(f"the Secret {where['secret']} is somebody else's; delete it ({error})") from error
        if held is not None:
            _log.info("webhook certificates renewed", extra=where)
        return wanted
