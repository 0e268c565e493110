"""An ended request leaves nothing that only a garbage collection would find: with their bodies that was 100 MB after an attack."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tests.gateway.http.raw import CHAT, post, raw_connection
from tests.gateway.serving import gatewaying
from tests.support.waiting import eventually

PATH = "/v1/chat/completions"
WHOLE = {
    "answered": post(PATH, CHAT),
    "streamed to its end": post(PATH, CHAT[:-1] + b',"stream":true}'),
    "a streamed response": post("/v1/responses", b'{"model":"m","input":"hi","stream":true}'),
    "a streamed message": post("/v1/messages", CHAT[:-1] + b',"max_tokens":9,"stream":true}'),
    "refused": post(PATH, CHAT[:-1] + b',"temperature":-1}'),
    "the last of its connection": post(PATH, CHAT, "connection: close"),
    "of an old client": post(PATH, CHAT, version="1.0"),
}
ENDS = {"streamed to its end": b"[DONE]", "a streamed response": b"response.completed", "a streamed message": b"message_stop"}


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left() -> int:
    return sum(isinstance(found, RequestResponseCycle | Request) for found in gc.get_objects())


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("ending", [*WHOLE, "of a body that stops", "left within its stream", "left before its first word"])
@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_is_left_of_a_request(tmp_path: Path, ending: str) -> None:
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("m")
        before = left()
        for _ in range(20):
            async with raw_connection(gateway.url) as raw:
                if ending in WHOLE:
                    await raw.write(WHOLE[ending])
                    await raw.until(ENDS.get(ending, b"\r\n"))
                elif ending.startswith("left"):
                    back_end.first = ending == "left within its stream"
                    back_end.go.clear()
                    await raw.write(WHOLE["streamed to its end"])
                    await (raw.until(b"first") if back_end.first else back_end.busy(1))
                else:
                    await raw.write(WHOLE["answered"][:-4])
            if ending.startswith("left"):
                await back_end.busy(0)

        await eventually(lambda: left() <= before, "nothing is left of 20 requests")
