"""Connections that send too much, too slowly, or nothing: each is ended, in words, and nobody else sees anything of it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from echorator.gateway.http.protocol import MOST_PIPELINED
from echorator.gateway.http.settings import HttpSettings
from tests.gateway.http.raw import CHAT, Raw, parsed, post, raw_connection, refused
from tests.gateway.serving import HTTP_LIMIT_BYTES, Gateway, gatewaying
from tests.support.http_client import http
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = HttpSettings(
    connections=40,
    connections_of_one_address=30,
    head_s=0.5,
    body_s=3.0,
    body_window_s=1.0,
    body_rate=1000,
    keep_alive_s=0.7,
    unread_s=1.0,
)
GET = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gatewaying(tmp_path_factory.mktemp("edge"), http_limits=LIMITS) as gateway:
        await gateway.back_end("a", 4)
        yield gateway


async def serves(gateway: Gateway) -> None:
    answer = await http(gateway.url, "POST", "/v1/chat/completions", CHAT)
    assert answer.status == 200, answer
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "firstlast"
    assert (await http(gateway.url, "GET", "/health")).status == 200
    assert gateway.role.dispatcher.room.bytes == 0


async def endless(raw: Raw, part: bytes, parts: int) -> int:
    """Writes until the other side will not read any more; returns how many were written."""
    for written in range(parts):
        try:
            async with asyncio.timeout(5.0):
                raw._writer.write(part)
                await raw._writer.drain()
        except (ConnectionError, TimeoutError):
            return written
    return parts


async def test_a_header_of_200_mb(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw:
        await raw.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-large: ")
        assert await endless(raw, b"a" * (1 << 20), 200) < 200
    async with raw_connection(gateway.url) as raw:
        await raw.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-large: " + b"a" * 100_000 + b"\r\n\r\n")
        status, _, error = refused(await raw.rest())
        assert (status, error["type"]) == (431, "invalid_request_error")
        assert "65536 bytes" in error["message"]
    await serves(gateway)


async def test_more_header_fields_than_may_be(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw:
        await raw.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + b"".join(b"x-%d: 1\r\n" % i for i in range(50_000)) + b"\r\n")
        assert refused(await raw.rest())[0] == 431
    async with raw_connection(gateway.url) as raw:
        await raw.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + b"".join(b"x-%d: 1\r\n" % i for i in range(100)) + b"\r\n")
        assert (await raw.answer())[0] == 200


async def test_a_long_path(gateway: Gateway) -> None:
    for size in (9_000, 1 << 20):
        async with raw_connection(gateway.url) as raw:
            await raw.write(b"GET /" + b"a" * size + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert refused(await raw.rest())[0] == 414


async def test_a_head_that_does_not_end(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw, raw_connection(gateway.url) as silent, raw_connection(gateway.url) as lines:
        await raw.write(b"GET /health HTTP/1.1\r\nhost: loc")
        await lines.write(b"\r\n" * 3)
        assert refused(await raw.rest())[0] == 408
        assert await silent.rest() == b""  # it has asked for nothing, so nothing is answered
        assert await lines.rest() == b""


async def test_a_head_that_trickles(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw:

        async def trickle() -> None:
            for byte in b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: " + b"a" * 1000:
                await raw.write(bytes((byte,)))
                await asyncio.sleep(0.05)

        task = asyncio.create_task(trickle())
        assert refused(await raw.rest())[0] == 408
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_connection_between_two_requests_is_kept_and_then_closed(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw:
        for _ in range(3):
            await raw.write(GET)
            assert (await raw.answer())[0] == 200
        assert await raw.rest() == b""


async def test_bodies_that_stop_half_way_or_trickle(gateway: Gateway) -> None:
    half = post("/v1/chat/completions", b" " * 5000)[:-2500]
    async with raw_connection(gateway.url) as stops, raw_connection(gateway.url) as trickles:
        await stops.write(half)
        await trickles.write(half)

        async def trickle() -> None:
            for _ in range(2000):
                await trickles.write(b" ")
                await asyncio.sleep(0.05)

        task = asyncio.create_task(trickle())
        for raw in (stops, trickles):
            status, _, error = refused(await raw.rest())
            assert (status, error["type"]) == (408, "invalid_request_error")
            assert "1000 bytes/s" in error["message"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await serves(gateway)


@pytest.mark.slow
async def test_a_steady_body_takes_its_time_but_not_for_ever(gateway: Gateway) -> None:
    body = CHAT + b" " * 6000
    async with raw_connection(gateway.url) as raw:
        whole = post("/v1/chat/completions", body)
        for i in range(0, len(whole), 1000):
            await raw.write(whole[i : i + 1000])
            await asyncio.sleep(0.2)
        assert (await raw.answer())[0] == 200
    async with raw_connection(gateway.url) as raw:
        await raw.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )

        async def go_on() -> None:
            for _ in range(200):
                await raw.write(b"400\r\n" + b" " * 0x400 + b"\r\n")
                await asyncio.sleep(0.1)

        task = asyncio.create_task(go_on())
        status, _, error = refused(await raw.rest())
        assert (status, "within 3 s" in error["message"]) == (408, True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_body_that_is_too_large_is_refused_before_it_comes(gateway: Gateway) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    async with raw_connection(gateway.url) as raw:
        await raw.write(head + b"expect: 100-continue\r\ncontent-length: 209715200\r\n\r\n")
        status, _, answer = await raw.answer()  # without "100 Continue" before it
        assert (status, answer["error"]["message"]) == (413, f"the body is larger than {HTTP_LIMIT_BYTES} bytes")
        assert await endless(raw, b"a" * (1 << 20), 200) < 200
    async with raw_connection(gateway.url) as raw:
        await raw.write(head + b"content-length: 2000000\r\n\r\n" + b"a" * 2_000_000)
        assert (await raw.answer())[0] == 413
        await raw.write(GET)  # the rest was read and dropped
        assert (await raw.answer())[0] == 200
    async with raw_connection(gateway.url) as raw:
        await raw.write(head + b"transfer-encoding: chunked\r\n\r\n")
        await endless(raw, b"10000\r\n" + b"a" * 0x10000 + b"\r\n", 20)
        assert (await raw.answer())[0] == 413
    await serves(gateway)


def sent_whole_before_reading(url: str, data: bytes) -> bytes:
    """What a client reads that first writes all of its request, as most libraries do."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30.0) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    return answer


HEAD = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
JSON = "content-type: application/json\r\n"
LARGE = 20 << 20


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"{HEAD}{JSON}content-length: {LARGE}\r\n\r\n", 413),
        (f"{HEAD}{JSON}transfer-encoding: chunked\r\n\r\n{LARGE:x}\r\n", 413),
        (f"{HEAD}content-type: text/plain\r\ncontent-length: {LARGE}\r\n\r\n", 415),
        (f"POST /none HTTP/1.1\r\nhost: localhost\r\ncontent-length: {LARGE}\r\n\r\n", 404),
        (f"POST /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: {LARGE}\r\n\r\n", 405),
        (f"POST /health HTTP/1.1\r\nhost: a.example\r\ncontent-length: {LARGE}\r\n\r\n", 403),
        (f"{HEAD}{JSON}x-large: ", 431),
        ("POST /", 414),
        (f"{HEAD}{JSON}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (f"{HEAD.replace('1.1', '0.9')}content-length: {LARGE}\r\n\r\n", 505),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
async def test_an_early_refusal_reaches_a_client_that_still_sends(gateway: Gateway, head: str, status: int) -> None:
    """It announces the end of the connection, which is no reset; what is sent after it has no answer."""
    data = head.encode() + b"a" * LARGE + b"\r\n" + GET
    found, fields, _ = refused(await asyncio.to_thread(sent_whole_before_reading, gateway.url, data))
    assert (found, fields["connection"]) == (status, "close")
    await serves(gateway)


async def test_a_body_that_came_too_slowly_ends_its_connection_in_words(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw:
        await raw.write(post("/v1/chat/completions", CHAT)[:-5])
        status, fields, _ = refused(await raw.rest())
        assert (status, fields["connection"]) == (408, "close")


async def test_no_second_answer_follows_the_last_one(gateway: Gateway) -> None:
    """Neither for the rest of its body, which is no chunk, nor for a request after it."""
    async with raw_connection(gateway.url) as raw:
        await raw.write(f"{HEAD}content-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        status, fields, _ = await raw.answer()
        assert (status, fields["connection"]) == (415, "close")
        await raw.write(b"no chunk\r\n" + GET)
        assert await raw.rest() == b""
    await serves(gateway)


@pytest.mark.parametrize(
    ("request_bytes", "status", "said"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, ""),
        (b"FOO /health HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET /health HTTP/1.1\r\n\r\n", 400, "one Host header, this one has 0"),
        (b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", 400, "one Host header, this one has 2"),
        (b"GET /health HTTP/0.9\r\nhost: localhost\r\n\r\n", 505, "HTTP/0.9 is not spoken"),
        (b"GET /health\r\n\r\n", 505, "HTTP/0.9 is not spoken"),
        (b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", 400, ""),
        (b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""),
        (b"GET http:// HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, ""),
    ],
)
async def test_what_is_not_http_is_refused_in_json(gateway: Gateway, request_bytes: bytes, status: int, said: str) -> None:
    async with raw_connection(gateway.url) as raw:
        await raw.write(request_bytes)
        found, _, error = refused(await raw.rest())
        assert (found, said in error["message"]) == (status, True), error


async def test_http_1_0_has_no_chunks(gateway: Gateway) -> None:
    body = CHAT[:-1] + b',"stream":true}'
    async with raw_connection(gateway.url) as raw:
        await raw.write(post("/v1/chat/completions", body, version="1.0"))
        head, _, events = (await raw.rest()).partition(b"\r\n\r\n")
    status, fields = parsed(head)
    assert (status, fields["connection"]) == (200, "close")
    assert "transfer-encoding" not in fields
    assert events.endswith(b"data: [DONE]\n\n")
    assert all(event.startswith(b"data: ") for event in events.split(b"\n\n")[:-1])
    async with raw_connection(gateway.url) as raw:
        await raw.write(b"GET /health HTTP/1.0\r\n\r\n")
        status, _, answer = await raw.answer()
        assert (status, answer["status"]) == (200, "ok")
        assert await raw.rest() == b""


async def test_a_client_that_offers_http_2_is_served(gateway: Gateway) -> None:
    """Java's own client offers it with each request, and sends the next one on the same connection."""
    offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAoAAAAAIAAAAA")
    async with raw_connection(gateway.url) as raw:
        for _ in range(2):
            await raw.write(post("/v1/chat/completions", CHAT, *offer))
            assert (await raw.answer())[0] == 200
        await raw.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + "\r\n".join(offer).encode() + b"\r\n\r\n" + GET)
        assert [(await raw.answer())[0] for _ in range(2)] == [200, 200]


async def test_pipelined_requests_are_answered_in_order_up_to_a_bound(gateway: Gateway) -> None:
    async with raw_connection(gateway.url) as raw:
        await raw.write(post("/v1/chat/completions", CHAT) * 4 + b"GET /none HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert [(await raw.answer())[0] for _ in range(5)] == [200, 200, 200, 200, 404]
    async with raw_connection(gateway.url) as raw:
        await raw.write(GET * 5000)
        answers = (await raw.rest()).count(b"HTTP/1.1 200")
        assert answers <= MOST_PIPELINED + 1
    async with raw_connection(gateway.url) as raw:
        await raw.write(post("/v1/chat/completions", CHAT) + b"not HTTP\r\n\r\n")
        assert (await raw.answer())[0] == 200  # the answer that was under way comes whole, and the refusal after it
        assert refused(await raw.rest())[0] == 400
    await serves(gateway)


async def test_a_client_that_does_not_read_its_answer(tmp_path: Path) -> None:
    """Its stream is ended, and the slot behind it is free."""
    async with gatewaying(tmp_path, http_limits=LIMITS) as gateway:
        back_end = await gateway.back_end("a")
        back_end.endless = b"x" * 20_000
        async with raw_connection(gateway.url) as raw:
            await raw.write(post("/v1/chat/completions", CHAT[:-1] + b',"stream":true}'))
            await back_end.busy(1)
            await back_end.busy(0)


async def test_one_address_cannot_take_all_connections(gateway: Gateway) -> None:
    """Those that wait the longest make room; a client that sends its request gets in."""
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(raw_connection(gateway.url)) for _ in range(60)]
        await serves(gateway)
        assert [await raw.rest() for raw in silent] == [b""] * 60
    await serves(gateway)


@pytest.mark.slow
async def test_bodies_that_stop_keep_their_places_until_they_are_ended(tmp_path: Path) -> None:
    """A connection on which a body comes makes no room, so a further one is refused; its time ends it."""
    limits = replace(LIMITS, body_s=8.0, body_window_s=5.0)  # far longer than it takes to send what is sent here
    async with gatewaying(tmp_path, http_limits=limits) as gateway, AsyncExitStack() as stack:
        await gateway.back_end("a")
        half = post("/v1/chat/completions", b" " * 5000)[:-2500]
        bodies = [await stack.enter_async_context(raw_connection(gateway.url)) for _ in range(30)]
        for raw in bodies:
            await raw.write(half)

        async def held() -> bool:
            return gateway.role.dispatcher.room.bytes == 30 * 2500

        await eventually(held, "30 half bodies are held")
        async with raw_connection(gateway.url) as raw:
            status, fields, _ = refused(await raw.rest())
            assert (status, fields["retry-after"]) == (503, "1")
        assert {refused(await raw.rest())[0] for raw in bodies} == {408}
        await serves(gateway)


async def test_clients_that_leave_are_no_errors(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At each point of a request: nothing is logged, what was held is free again, and the agent computes no more for them."""
    caplog.set_level(logging.WARNING)
    asked = {False: CHAT, True: CHAT[:-1] + b',"stream":true}'}
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        for body in (*asked.values(), b'{"model":"m","prompt":["a","b","c"],"n":3}', b'{"model":"m","prompt":["a","b"],"stream":true}'):
            path = "/v1/completions" if b"prompt" in body else "/v1/chat/completions"
            for first in (True, False):
                back_end.first = first
                back_end.go.clear()
                async with raw_connection(gateway.url) as running:
                    await running.write(post(path, body))
                    await back_end.busy(1)
                    async with raw_connection(gateway.url) as waiting:
                        await waiting.write(post(path, body))
                        await gateway.waiting(1)
                    await gateway.waiting(0)
                await back_end.busy(0)
            async with raw_connection(gateway.url) as half:
                await half.write(post(path, body)[:-3])
        back_end.go.set()
        back_end.first = True

        async def free() -> bool:
            return gateway.role.dispatcher.room.bytes == 0

        await eventually(free, "nothing is held")
        await serves(gateway)
    assert [record.message for record in caplog.records if record.name.startswith(("asyncio", "uvicorn", "echorator.gateway"))] == []


async def test_a_pipelined_client_that_leaves_frees_the_slot(tmp_path: Path) -> None:
    """The answer that is under way is not that of the newest request."""
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        back_end.go.clear()
        async with raw_connection(gateway.url) as raw:
            await raw.write(post("/v1/chat/completions", CHAT) * 2)
            await back_end.busy(1)
        await back_end.busy(0)


async def test_bodies_count_towards_what_the_gateway_holds(tmp_path: Path) -> None:
    """The oldest of those that are not whole makes room; what waits for an agent does not."""
    async with gatewaying(tmp_path, buffer_bytes=600_000) as gateway:
        back_end = await gateway.back_end("a")
        half = post("/v1/chat/completions", CHAT + b" " * 300_000)[:-30_000]
        async with raw_connection(gateway.url) as first, raw_connection(gateway.url) as second, raw_connection(gateway.url) as third:
            sent = 0
            for raw in (first, second, third):
                await raw.write(half)
                sent += len(half)

                async def held(most: int = sent) -> bool:
                    return min(most, 530_000) < gateway.role.dispatcher.room.bytes + 1000 <= 601_000

                await eventually(held, "bodies are held")
            status, fields, error = await first.answer()
            assert (status, fields["retry-after"]) == (429, "1")
            assert "holds as many bytes" in error["error"]["message"]
            await second.write(b" " * 30_000)
            assert (await second.answer())[0] == 200
            await third.write(b" " * 30_000)
            assert (await third.answer())[0] == 200
        back_end.go.clear()
        large = b'{"model":"m","messages":[{"role":"user","content":"' + b"a" * 400_000 + b'"}]}'
        async with raw_connection(gateway.url) as running, raw_connection(gateway.url) as waiting, raw_connection(gateway.url) as raw:
            await running.write(post("/v1/chat/completions", CHAT))
            await back_end.busy(1)
            await waiting.write(post("/v1/chat/completions", large))
            await gateway.waiting(1)
            await raw.write(post("/v1/chat/completions", large))
            status, fields, _ = await raw.answer()
            assert (status, fields["retry-after"]) == (429, "1")
            back_end.go.set()
            assert (await running.answer())[0] == 200
            assert (await waiting.answer())[0] == 200
        assert gateway.role.dispatcher.room.bytes == 0
