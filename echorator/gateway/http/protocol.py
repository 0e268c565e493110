"""HTTP/1 on one connection: uvicorn's protocol over httptools, with the limits that neither of them has.

httptools buffers a header of any length, and uvicorn waits for ever for the rest of a head, so one client could fill the memory with one
header, and many could hold all file descriptors with connections that never send. This module bounds the size and number of header fields,
the time for a head, the time between requests, the number of pipelined requests and the time for which an answer stays unread, and each
refusal is JSON. hypercorn bounds the size of a head but neither its time nor the connections, on a slower parser; granian wants
processes and an event loop of its own; so a subclass is the smaller solution. Bodies are bounded in `reading`. Fed by uvicorn's server;
feeds the application; `connections` chooses the connection that is closed to make room.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from echorator.gateway.http.connections import Connections, group_of
from echorator.gateway.http.forms import form_of
from echorator.gateway.http.refusals import refused
from echorator.gateway.http.settings import HttpSettings

MOST_PIPELINED = 16  # requests that wait on one connection while an earlier one is answered
# What a client sends beyond an early answer, such as 413 or 431, is read and discarded: to close a connection with unread bytes resets it,
# and a client that writes its whole request before it reads would see the reset instead of the answer.
LINGER_S = 2.0  # longest wait for a further byte after a refusal
UNREAD_BODY_S = 5.0  # the same for the rest of a body whose request was answered before the body's end
LINGER_MOST_S = 30.0  # the end of either, however steadily the bytes come
UNREAD_BYTES = 32 << 20  # bytes that are discarded before the connection is aborted
UNREAD_PAUSE_S = 0.02  # between two of their pieces: libuv reads up to 32 pieces of 256 KiB at once
KEPT_BODY_BYTES = 4 << 20  # a longer body that was not read ends its connection
_OFFER = frozenset({b"upgrade", b"http2-settings", b"connection"})  # Java's client offers h2c with each request


class RefusedError(Exception):
    """A request that is refused while it is parsed, with the HTTP status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Invariant: `_timer` runs except while the head of a request is complete and its answer is not."""

    def __init__(self, limits: HttpSettings, open_connections: Connections, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._limits = limits
        self._open = open_connections
        self._group = ""
        self._entered = False
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._refusal: RefusedError | None = None
        self._ended = False  # bytes that still arrive are not parsed
        self._reading = ""  # "head" or "body" while a request is received, "" between requests
        self._last = False  # the connection ends with the answer to the newest request
        self.url = b""  # uvicorn sets it with the first request only
        self._method = b""
        self._offered = False  # the head that was read last offers another protocol
        self._begun = False  # the head began in the bytes that are parsed now
        self._head_bytes = 0  # size of an incomplete head, from its second piece on
        self._field_bytes = 0
        self._fields = 0
        self._discarded = 0  # bytes that arrived after an early answer
        self._linger_until_s = 0.0  # when no more of them are awaited, on the event loop's clock
        self._unanswered = 0  # requests whose head is complete and whose answer is not
        self._current: RequestResponseCycle | None = None  # the request being answered; `cycle` is the newest request

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._group = group_of(self.client[0]) if self.client else ""
        self._entered = self._open.enter(self, self._group)
        if not self._entered:
            self._refuse(RefusedError(503, "all connections are in use; try again later"))
            return
        self._after(self._limits.head_s)

    def make_room(self) -> None:
        """Abort the connection, because a new one takes its place."""
        self._entered = False
        self._ended = True
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._entered:
            self._open.leave(self, self._group)
        for timer in (self._timer, self._unread):
            if timer is not None:
                timer.cancel()
        self.pipeline.clear()
        if self._current is not None and not self._current.response_complete:
            self._current.disconnected = True  # uvicorn sets this for the newest request only
            self._current.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # Times

    def _after(self, delay_s: float) -> None:
        """Set the connection's only timer to `delay_s`, in place of the one before."""
        self._unset_keepalive_if_required()  # uvicorn's own timer, which each byte would postpone
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(delay_s, self._on_time)

    def _no_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._current = cycle
        super()._start_asgi_task(cycle, app)

    def _on_time(self) -> None:
        self._timer = None
        if self._unanswered and not self._ended:
            if self._reading == "head":  # the head of a pipelined request, while the answer before it goes on
                self._after(self._limits.head_s)
        elif self._reading == "head" and not self._ended:
            self._refuse(RefusedError(408, f"the head of the request was not complete within {self._limits.head_s:g} s"))
        else:
            self.transport.close()

    # Parsing

    def data_received(self, data: bytes) -> None:
        if self._ended:
            self._discard(len(data), LINGER_S)
            return
        self._begun = False
        if not self._unanswered and self._reading != "body" and (refusal := self._endless(data)) is not None:
            self._refuse(refusal)
            return
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if self._last and not self._unanswered:
                self._ended = True  # the last answer was given: what follows has none
            else:
                self._refuse(self._refusal or RefusedError(400, f"this is not a request of HTTP/1.1: {error}"))
            return
        if self._reading == "head" and not self._begun:  # the piece in which the head began may hold the body before it
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes + self._limits.request_line_bytes:
                self._refuse(self._too_large())

    def _feed(self, data: bytes) -> None:
        """Parse `data`, ignoring offers of another protocol. Raises HttpParserError."""
        for _ in range(MOST_PIPELINED + 2):
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as error:
                # The client offers another protocol, and the parser takes what follows the head, even its body, for that. Nobody has to
                # accept the offer: the same head without it goes to a new parser.
                self.parser = httptools.HttpRequestParser(self)
                data = self._head_without_offer() + data[error.args[0] :]
                self._offered = False
            else:
                return
        raise httptools.HttpParserError("too many offers of another protocol")

    def _head_without_offer(self) -> bytes:
        lines = [b"%s %s HTTP/1.1" % (self._method, self.url)]
        lines += [b"%s: %s" % field for field in self.headers if field[0] not in _OFFER]
        return b"\r\n".join((*lines, b"", b""))

    def _endless(self, data: bytes) -> RefusedError | None:
        """Return the refusal where `data` continues a head beyond its limit, found before the parser copies it; else None."""
        line, whole = self._limits.request_line_bytes + 32, self._limits.head_bytes + self._limits.request_line_bytes
        if len(data) <= whole or data.find(b"\r\n\r\n", 0, whole) >= 0:
            return None
        if not self._reading and data.find(b"\r\n", 0, line) < 0:
            return RefusedError(414, f"the path of the request is longer than {self._limits.request_line_bytes} bytes")
        return self._too_large()

    def _too_large(self) -> RefusedError:
        limits = self._limits
        return RefusedError(
            431, f"the header fields of the request are larger than {limits.head_bytes} bytes or more than {limits.head_fields}"
        )

    def _refuse_in_parser(self, refusal: RefusedError) -> None:
        self._refusal = refusal
        raise refusal

    def on_message_begin(self) -> None:
        if self._last and not self._unanswered:
            raise httptools.HttpParserError("a request after the last one of the connection")
        super().on_message_begin()
        self._reading, self._begun = "head", True
        self._head_bytes = self._field_bytes = self._fields = 0
        if not self._unanswered:
            self._after(self._limits.head_s)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.request_line_bytes:
            self._refuse_in_parser(RefusedError(414, f"the path of the request is longer than {self._limits.request_line_bytes} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._field_bytes += len(name) + len(value) + 4
        if self._fields > self._limits.head_fields or self._field_bytes > self._limits.head_bytes:
            self._refuse_in_parser(self._too_large())
        if self._reading == "head":  # trailers of a chunked body are no headers of the request
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse_in_parser(RefusedError(505, f"HTTP/{version} is not spoken here; use HTTP/1.1"))
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (version == "1.1" and not hosts):
            self._refuse_in_parser(RefusedError(400, f"a request of HTTP/1.1 has one Host header, this one has {hosts}"))
        if self.parser.should_upgrade():
            self._method, self._offered = self.parser.get_method(), True
            if self._method == b"CONNECT":
                self._refuse_in_parser(RefusedError(405, "this is no proxy"))
            return
        if len(self.pipeline) >= MOST_PIPELINED:
            self._refuse_in_parser(RefusedError(400, f"at most {MOST_PIPELINED} requests may wait on one connection"))
        self._reading, self._discarded = "body", 0
        self._no_timer()
        self._unanswered += 1
        if self._entered:
            self._open.begin(self, self._group)
        super().on_headers_complete()
        self._last = not self.cycle.keep_alive
        self.cycle.__class__ = BoundedCycle  # uvicorn makes cycles of the class that it names itself

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._discard(len(body), UNREAD_BODY_S)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered:
            return
        self._reading = ""
        super().on_message_complete()
        if not self._unanswered:
            self._wait_for_request()

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        assert isinstance(self._current, BoundedCycle)
        self._last = self._last or self._current.last
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._ended:
            self._refuse_now()
        elif not self._unanswered:
            if self._reading == "body":
                if self._last:
                    self._write_end()
                self._linger(UNREAD_BODY_S, LINGER_MOST_S)
            else:
                self._wait_for_request()

    def _write_end(self) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _wait_for_request(self) -> None:
        if self._last:
            self.transport.close()
            return
        self._after(self._limits.head_s if self._reading == "head" else self._limits.keep_alive_s)
        if self._entered:
            self._open.wait(self, self._group)

    # Refusals

    def _refuse(self, refusal: RefusedError) -> None:
        """End the connection with an error, after the answers that are under way."""
        self._ended, self._refusal = True, refusal
        self.pipeline.clear()
        if self._current is None or self._current.response_complete:
            self._refuse_now()
        elif self._current is self.cycle and self._reading == "body":  # the unreadable bytes belong to the request being answered
            self._current.disconnected = True
            self._current.message_event.set()
            if self._current.response_started:
                self.transport.abort()
            else:
                self._refuse_now()

    def _refuse_now(self) -> None:
        """Write the refusal; the connection is closed once the client has had time to read it."""
        assert self._refusal is not None
        path = self.url.decode("latin-1").partition("?")[0]
        request_id = uuid.uuid4().hex
        refused(self.parser.get_method().decode("latin-1") if self.url else "", self._refusal.status, request_id)
        self.transport.write(form_of(path).raw_response(self._refusal.status, str(self._refusal), request_id))
        self._write_end()
        self.flow.resume_reading()
        self._linger(LINGER_S, LINGER_MOST_S if self._entered else LINGER_S)

    def _linger(self, idle_s: float, most_s: float) -> None:
        """Await what the client still sends, for `idle_s` at a time and `most_s` in all; meanwhile the connection may make room."""
        self._discarded = 0
        self._linger_until_s = self.loop.time() + most_s
        self._after(idle_s)
        if self._entered:
            self._open.wait(self, self._group)

    def _discard(self, size: int, idle_s: float) -> None:
        """Count bytes that nobody reads, and pause before the next ones; abort the connection where there are too many."""
        self._discarded += size
        if self._discarded > UNREAD_BYTES:
            self._ended = True
            self.transport.abort()
            return
        if not self._unanswered:
            self._after(min(idle_s, self._linger_until_s - self.loop.time()))
        if not self.flow.read_paused:
            self.flow.pause_reading()
            self.loop.call_later(UNREAD_PAUSE_S, self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()


class BoundedCycle(RequestResponseCycle):
    """A request and its answer. The end of its connection is the protocol's, as uvicorn would not wait for a body that is still arriving.

    HTTP/1.0 has no chunks: there the end of the connection marks the end of an answer without a length. uvicorn would send it in chunks,
    but sends no body where it believes that the method is HEAD; so the method is changed to HEAD and the body is written here.
    """

    last = False  # the connection ends with this answer, which says so
    _written = False  # this class writes the body

    async def send(self, message: Any) -> None:
        """Send one message of the ASGI application."""
        if message["type"] == "http.response.start":
            if self.more_body and not self._rest_is_short(message["status"]):
                self.keep_alive = False
            lengths = any(name.lower() == b"content-length" for name, _ in message["headers"])
            self._written = self.scope["http_version"] == "1.0" and self.scope["method"] != "HEAD" and not lengths
            if self._written:
                self.scope = {**self.scope, "method": "HEAD"}
            await super().send(message)
            self.last, self.keep_alive = not self.keep_alive, True  # set only now, after uvicorn has written `connection: close`
            return
        if self._written and not self.disconnected:
            await self.flow.drain()
            self.transport.write(message.get("body", b""))
        await super().send(message)

    def _rest_is_short(self, status: int) -> bool:
        """Tell whether the rest of the body will come and be little, so that a further request may follow it on the connection."""
        length = next((value for name, value in self.scope["headers"] if name == b"content-length"), b"")
        slow = status in (408, 429)  # the body came too slowly, or was ended to make room
        return not self.waiting_for_100_continue and not slow and length.isdigit() and int(length) <= KEPT_BODY_BYTES
