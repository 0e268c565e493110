"""Reads the body of a request, and enforces its content type, its size and the rate at which it must arrive.

Bodies that are being read count towards the bytes that the gateway holds for requests (`--buffer-bytes`). Where those are used up, the body
that has been read for the longest time is ended: a body that stalls is always among the oldest, the body of a client that sends is not.
Feeds `api` with JSON objects.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from echorator.errors import QueueFullError
from echorator.gateway.balancing.buffer import RETRY_AFTER_S, Room
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.json_text import MOST_TEXTS, object_of, texts_in, too_many_texts
from echorator.gateway.http.settings import HttpSettings

TURN_BYTES = 64 << 10  # the rest of a body beyond this size is read in `Turns`
LARGE_BYTES = 16 << 10  # bodies from this size on are parsed in `Turns`
JSON_TYPES = ("application/json",)
CURL_TYPES = (*JSON_TYPES, "application/x-www-form-urlencoded")  # what curl says of a body unless it is told otherwise
PAUSES = 3.0  # each pause lasts this many times as long as the work before it
ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class BodyEndedError(QueueFullError):
    """A body that was ended to make room for others."""


class Turns:
    """A lock for work on large bodies: one piece at a time, with pauses, so that it takes a quarter of the event loop's time at most.

    A thousand connections that send as fast as they can would all be read in each turn of the event loop, while an answer to another
    client needs many turns.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._pause_until_s = 0.0
        self._begin_s = 0.0

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            await asyncio.sleep(self._pause_until_s - time.monotonic())
        except BaseException:
            self._lock.release()
            raise
        self._begin_s = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        end_s = time.monotonic()
        self._pause_until_s = end_s + PAUSES * (end_s - self._begin_s)
        self._lock.release()


class Reading:
    """A body that is being read. Invariant: `held` of its bytes are counted in the room until `release`."""

    __slots__ = ("_room", "held", "scope", "why")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.scope: asyncio.Timeout | None = None
        self.held = 0
        self.why = ""  # why `end` ended the body

    def end(self, why: str) -> None:
        """End the body now, with `why` as the error's message, and release its bytes."""
        self.due(asyncio.get_running_loop().time())
        self.why = why
        self.release()

    def due(self, when_s: float | None) -> None:
        """Set when the body counts as too slow, on the event loop's clock; None while it waits for its turn here."""
        if self.scope is not None and not self.scope.expired() and not self.why:
            self.scope.reschedule(when_s)

    def release(self) -> None:
        """Stop counting the bytes of the body towards the room; has no effect the second time."""
        self._room.bytes -= self.held
        self.held = 0


class Bodies:
    """The reader of all bodies of one gateway."""

    def __init__(self, room: Room, limit_bytes: int, settings: HttpSettings) -> None:
        self._room = room
        self._limit = limit_bytes
        self._settings = settings
        self._reading: dict[Reading, None] = {}  # the oldest first
        self._turns = Turns()

    def begin(self) -> Reading:
        """Return the account for the body of one request; the caller must `release` it."""
        return Reading(self._room)

    async def json_of(self, request: Request, reading: Reading, kinds: Sequence[str] = JSON_TYPES) -> dict[str, Any]:
        """Read and return the JSON object of a request's body, whose content type must be one of `kinds`.

        Raises:
            BodyError: the body has a wrong content type, is too large or too slow, or is no JSON object that is taken here.
            QueueFullError: there is no room for the body.
            ClientDisconnect: the client went away.
        """
        return await self._parsed(await self.bytes_of(request, reading, kinds))

    async def bytes_of(self, request: Request, reading: Reading, kinds: Sequence[str]) -> bytes:
        """Read and return a request's body, of one of the content types `kinds`. Raises as `json_of` does."""
        encoding = _label_of(request, kinds)
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            raise self._too_large()
        raw = await self._read(request, reading, kinds[0] in JSON_TYPES)
        return self._decompressed(raw, encoding, reading) if encoding else raw

    async def _read(self, request: Request, reading: Reading, is_json: bool) -> bytes:
        settings, loop = self._settings, asyncio.get_running_loop()
        begin_s = loop.time()  # moved on by the time that the body waits for its turn
        raw = bytearray()
        self._reading[reading] = None
        try:
            async with asyncio.timeout_at(begin_s + min(settings.body_window_s, settings.body_s)) as reading.scope:
                counted = texts = 0
                async for part in request.stream():
                    if len(raw) + len(part) <= TURN_BYTES:
                        texts += self._add(reading, raw, part, texts, is_json)
                    else:
                        waits_s, due_s = loop.time(), reading.scope.when()
                        reading.due(None)
                        async with self._turns:
                            texts += self._add(reading, raw, part, texts, is_json)
                        waited_s = loop.time() - waits_s
                        begin_s += waited_s
                        reading.due(due_s + waited_s if due_s is not None else None)
                    if len(raw) - counted >= settings.body_rate * settings.body_window_s:
                        counted = len(raw)
                        reading.due(min(loop.time() + settings.body_window_s, begin_s + settings.body_s))
        except TimeoutError:
            if reading.why:
                raise BodyEndedError(reading.why, RETRY_AFTER_S) from None
            raise BodyError(self._too_slow(loop.time() - begin_s, len(raw)), status=408) from None
        finally:
            self._reading.pop(reading, None)
        return bytes(raw)

    def _add(self, reading: Reading, raw: bytearray, part: bytes, texts: int, is_json: bool) -> int:
        """Append a piece of the body; return about how many strings it has, 0 where it is not JSON. Raises BodyError, QueueFullError."""
        raw += part
        if len(raw) > self._limit:
            raise self._too_large()
        self._hold(reading, len(part))
        more = texts_in(part) if is_json else 0
        if texts + more > MOST_TEXTS:
            raise too_many_texts(bytes(raw[:TURN_BYTES]))
        return more

    def _hold(self, reading: Reading, size: int) -> None:
        """Count `size` more bytes, ending older bodies where the room is full. Raises QueueFullError where that does not suffice."""
        room = self._room
        for oldest in self._reading:
            if room.bytes + size <= room.most_bytes or oldest is reading:
                break
            if not oldest.why:
                oldest.end("the gateway holds as many bytes of requests as it may, and this body came slowly; try again later")
        if room.bytes + size > room.most_bytes:
            raise QueueFullError(f"requests of {room.bytes >> 10} KiB are held already, as many as may be; try again later", RETRY_AFTER_S)
        room.bytes += size
        reading.held += size

    def _too_large(self) -> BodyError:
        return BodyError(f"the body is larger than {self._limit} bytes", status=413)

    def _too_slow(self, taken_s: float, size: int) -> str:
        settings = self._settings
        return (
            f"{size} bytes of the body came in {taken_s:.1f} s and not the rest; a body must come whole within {settings.body_s:g} s, "
            f"with {settings.body_rate} bytes/s or more"
        )

    def _decompressed(self, raw: bytes, encoding: str, reading: Reading) -> bytes:
        """Return the decompressed body. Raises BodyError where it is damaged, or larger than a body may be."""
        made, rest = bytearray(), raw
        try:
            while rest:  # a gzip file may have several members
                machine = zlib.decompressobj(ENCODINGS[encoding])
                made += machine.decompress(rest, self._limit + 1 - len(made))
                if len(made) > self._limit:
                    raise BodyError(f"the body is larger than {self._limit} bytes when it is decompressed", status=413)
                if not machine.eof:
                    raise BodyError(f"the body is not whole {encoding}: it ends too early")
                rest = machine.unused_data
        except zlib.error as error:
            raise BodyError(f"the body is not {encoding}, as content-encoding says: {error}") from error
        self._hold(reading, len(made))
        return bytes(made)

    async def _parsed(self, raw: bytes) -> dict[str, Any]:
        if len(raw) < LARGE_BYTES:
            return object_of(raw)
        async with self._turns:
            return object_of(raw)


OF_BROWSERS = ("origin", "referer", "sec-fetch-site")  # headers that browsers send with what a page posts


def _label_of(request: Request, kinds: Sequence[str]) -> str:
    """Return the content encoding, "" for none. Raises BodyError for a content type, charset or encoding that is not taken.

    Some clients name no content type. That is taken, but not of a page in a browser, which could send such a body to any server.
    """
    labels = request.headers.getlist("content-type")
    if not labels and not any(name in request.headers for name in OF_BROWSERS):
        labels = [kinds[0]]
    kind, _, parameters = (labels[0] if len(labels) == 1 else "").partition(";")
    kind = kind.strip().lower()
    if not (kind in kinds or (kind.startswith("application/") and kind.endswith("+json"))):
        said = f"not {kind[:80]!r}" if kind else "and there is none" if not labels else "once"
        raise BodyError(f"the content-type must be {kinds[0]}, {said}; with curl: -H 'Content-Type: {kinds[0]}'", status=415)
    charset = next((v for n, _, v in (p.strip().partition("=") for p in parameters.split(";")) if n.lower() == "charset"), "utf-8")
    if charset.strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
        raise BodyError(f"JSON is sent as UTF-8, not {charset[:80]!r}", status=415)
    encoding = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding not in ENCODINGS:
        raise BodyError(f"content-encoding must be gzip or deflate, not {encoding[:80]!r}", status=415)
    return encoding
