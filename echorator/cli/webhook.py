"""Posts the changes of memories to a URL, signed, each until it has arrived: what `echorator memory watch --post` does.

A change is posted at least once, in order: the cursor that a restart goes on with is kept only after the receiver has answered with 2xx.
Whoever receives tells repeats by the header `x-echorator-event`, which is the same each time, and strangers by the signature.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import requests
from google.protobuf.json_format import MessageToDict
from grpc import aio

from echorator.backoff import Backoff
from echorator.host.exits import CommandError
from echorator.private_files import open_private
from echorator.rpc.v1 import cognition_pb2 as pb

TIMEOUT_S = 30.0
BACKOFF = Backoff(first_s=0.5, longest_s=300.0, jitter=(0.5, 1.0))
GONE = 410  # by which a receiver says that it wants no more

Watch = Callable[[str], AsyncIterator[pb.WatchChangesResponse | None]]
"""A function from a cursor, "" for none, to the changes after it."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the header that proves who sent a body when: "sha256=" and HMAC-SHA256 of "TIMESTAMP.BODY" in hex."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """The receiver at one URL, and how far it has been told."""

    def __init__(self, url: str, secret: bytes, cursor_file: Path | None, after: str = "") -> None:
        """Post to `url`, signed where there is a secret; go on after the cursor in the file, where there is one, else after `after`.

        Raises:
            CommandError: the file cannot be read.
        """
        self._url = url
        self._secret = secret
        self._file = cursor_file
        self._session = requests.Session()
        self._failures = 0  # in a row, of the receiver or of the memory
        try:
            self.cursor = cursor_file.read_text("utf-8").strip() if cursor_file is not None and cursor_file.exists() else after
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {cursor_file}: {error}") from error

    async def follow(self, watch: Watch) -> None:
        """Post every change, until the receiver is gone; a memory that is away is asked again. Raises CommandError."""
        while True:
            try:
                async for seen in watch(self.cursor):
                    if seen is not None and seen.HasField("change"):
                        await self._delivered(seen)
                    if seen is not None:
                        self._keep(seen.cursor)
            except aio.AioRpcError as error:
                if error.code().name != "UNAVAILABLE":
                    raise
                await self._wait(f"the memory is away ({error.details()})")

    async def _delivered(self, seen: pb.WatchChangesResponse) -> None:
        body = json.dumps(MessageToDict(seen, preserving_proto_field_name=True), ensure_ascii=False).encode()
        while True:
            try:
                status = await asyncio.to_thread(self._post, body, f"{seen.scope.tenant}:{seen.namespace}:{seen.cursor}")
            except requests.RequestException as error:
                await self._wait(f"{self._url} does not answer ({type(error).__name__})")
                continue
            if 200 <= status < 300:
                self._failures = 0
                return
            if status == GONE:
                raise CommandError(
                    f"{self._url} wants no more changes (status {GONE}); the last one that arrived has cursor {self.cursor!r}"
                )
            await self._wait(f"{self._url} answers with status {status}")

    def _post(self, body: bytes, event: str) -> int:
        timestamp = str(int(time.time()))
        headers = {"content-type": "application/json", "x-echorator-event": event, "x-echorator-timestamp": timestamp}
        if self._secret:
            headers["x-echorator-signature"] = signature(self._secret, timestamp, body)
        return self._session.post(self._url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False).status_code

    def _keep(self, cursor: str) -> None:
        """Keep how far the receiver has been told. Raises CommandError where that cannot be written."""
        self.cursor = cursor
        if self._file is None:
            return
        part = self._file.with_name(self._file.name + ".part")
        try:
            with open_private(part, "wt") as out:
                out.write(f"{cursor}\n")
            part.replace(self._file)
        except OSError as error:
            raise CommandError(f"cannot write {self._file}: {error.strerror or error}") from error

    async def _wait(self, why: str) -> None:
        self._failures += 1
        wait_s = BACKOFF.jittered_s(self._failures, random.random())
        print(f"{why}; trying again in {wait_s:.1f} s", file=sys.stderr, flush=True)
        await asyncio.sleep(wait_s)
