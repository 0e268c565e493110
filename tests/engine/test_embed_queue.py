"""The queue of inputs to embed: what long inputs take, when that is freed, and what is refused."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from echorator._native.engine import Model
from echorator.engine.digest import identity
from echorator.engine.embed_queue import EmbedQueue
from echorator.engine.memory_needs import DevicePart, Needs, check_embed_room
from echorator.errors import ContextOverflowError, DrainingError, InvalidRequestError, ModelFileError, QueueFullError, ResourceError
from echorator.settings import EngineSettings, Lora
from tests.support.models.lora_files import merge_lora, write_lora
from tests.support.models.random_gguf import Shape, write
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


@pytest.fixture(scope="module")
def long_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("long") / "long.gguf", Shape(arch="bert", context=8192, layers=1, dim=128))


def queue_of(path: Path, queue_limit: int = 512) -> EmbedQueue:
    made = EngineSettings(path, threads=1, queue_limit=queue_limit)
    return EmbedQueue(Model(made), made, "", identity(path))


# Embeds a short and then a long input, and says what the process had before, at most and after, and what was reckoned. In a process of its
# own: in one that ran other tests, the C library may take the buffers from memory that these have freed, which it then keeps for a while.
EMBED = """
import asyncio, json, sys
from pathlib import Path
from echorator.engine.memory_needs import embed_needs
from tests.engine.test_embed_queue import queue_of
def resident():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(lines["VmRSS"].split()[0]) << 10
async def main():
    queue = queue_of(Path(sys.argv[1]))
    await queue.embed([[5] * 600], True)
    before = most = resident()
    computed = asyncio.ensure_future(queue.embed([[5 + i % 50 for i in range(8192)]], True))
    while not computed.done():
        most = max(most, resident())
        await asyncio.sleep(0.01)
    shape = (await computed).shape
    if queue._worker is not None:
        await queue._worker
    after = resident()
    await queue.close()
    print(json.dumps([shape, embed_needs(queue._settings, 8192).host_bytes, before, most, after]))
asyncio.run(main())
"""


async def test_a_long_input_takes_what_is_reckoned_and_gives_it_back(long_encoder: Path) -> None:
    command = (sys.executable, "-c", EMBED, str(long_encoder))
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    shape, reckoned, before, most, after = json.loads(done.stdout)
    assert shape == [1, 128]
    assert reckoned > 50 * MIB
    assert 0.5 * reckoned < most - before < 1.2 * reckoned
    assert after - before < 0.3 * reckoned


async def test_what_does_not_fit_is_refused_in_words_and_others_go_on(long_encoder: Path, tmp_path: Path) -> None:
    swapped = Path(shutil.copy(long_encoder, tmp_path / "swapped.gguf"))
    queue = queue_of(swapped)
    (tmp_path / "fresh.gguf").write_bytes(b"GGUF")
    (tmp_path / "fresh.gguf").rename(swapped)
    long, short = await asyncio.gather(queue.embed([[5] * 3000], True), queue.embed([[5] * 30] * 3, True), return_exceptions=True)
    assert isinstance(long, ResourceError)
    assert "has changed since it was loaded; load the model again to embed 4096 tokens" in str(long)
    assert isinstance(short, np.ndarray)
    assert short.shape == (3, 128)
    with pytest.raises(ContextOverflowError, match=r"inputs\[1\] has 8193 tokens and the model embeds at most 8192"):
        await queue.embed([[5], [5] * 8193], True)
    with pytest.raises(InvalidRequestError, match=r"inputs\[0\] has no tokens"):
        await queue.embed([[]], True)
    await queue.close()
    with pytest.raises(DrainingError):
        await queue.embed([[5]], True)


async def test_room_for_a_context() -> None:
    needs = Needs(0, 0, 10 * MIB, 90 * MIB, (DevicePart("GPU0", 50 * MIB, 60 * MIB),))
    check_embed_room(8192, needs, 100 * MIB)
    with pytest.raises(ResourceError, match=r"up to 8192 tokens needs 100\.0 MiB of memory to be embedded, 99\.0 MiB are free"):
        check_embed_room(8192, needs, 99 * MIB)
    with pytest.raises(ResourceError, match=r"50\.0 MiB of the memory of GPU0"):
        check_embed_room(8192, Needs(0, 0, 0, 0, (DevicePart("GPU0", 50 * MIB, 40 * MIB),)), 0)


async def test_calls_that_are_cancelled_or_too_many(long_encoder: Path) -> None:
    queue = queue_of(long_encoder, queue_limit=2)
    first = asyncio.ensure_future(queue.embed([[5] * 1500] * 12, True))
    gone = asyncio.ensure_future(queue.embed([[5] * 1500] * 12, True))

    async def both_wait() -> bool:
        return len(queue._calls) == 2

    await eventually(both_wait, "both calls wait")
    with pytest.raises(QueueFullError, match="2 calls wait to be embedded, the limit is 2"):
        await queue.embed([[5]], True)
    gone.cancel()
    assert (await first).shape == (12, 128)
    assert (await queue.embed([[5]] * 8, True)).shape == (8, 128)
    assert queue._waiting_tokens == 0
    await queue.close()


async def test_tokens_that_wait_are_bounded(long_encoder: Path) -> None:
    queue = queue_of(long_encoder)
    large = [[5] * 2000] * 1500
    waiting = asyncio.ensure_future(queue.embed(large, True))

    async def waits() -> bool:
        return len(queue._calls) == 1

    await eventually(waits, "the large call waits")
    with pytest.raises(QueueFullError, match="tokens wait to be embedded"):
        await queue.embed(large, True)
    assert (await queue.embed([[5] * 10], True)).shape == (1, 128)
    waiting.cancel()
    await queue.close()


@pytest.mark.parametrize("context", [2**31, 2**32 - 1])
async def test_a_context_length_beyond_any_count_is_a_damaged_file(tmp_path: Path, context: int) -> None:
    path = write(tmp_path / "endless.gguf", Shape(context=context))
    with pytest.raises(ModelFileError, match=r"its context length is none that llama\.cpp can count to"):
        Model(EngineSettings(path))


async def test_the_largest_context_length_embeds_what_is_asked_for(tmp_path: Path) -> None:
    queue = queue_of(write(tmp_path / "vast.gguf", Shape(context=2**31 - 1)))
    assert queue.longest == 32768
    assert (await queue.embed([[5] * 10], True)).shape == (1, 64)
    await queue.close()


async def test_calls_of_several_adapters_take_turns_and_none_has_anothers(tmp_path: Path) -> None:
    base = write(tmp_path / "base.gguf", Shape())
    lora = {name: write_lora(tmp_path / f"{name}.gguf", base, seed=ord(name)) for name in "ab"}
    settings = EngineSettings(base, threads=1, lora=tuple(Lora(path, name=name) for name, path in lora.items()), flash_attention="off")
    queue = EmbedQueue(Model(settings), settings, "mean", identity(base))
    inputs = [[5 + i % 50, 6, 7 + i % 3] for i in range(640)]
    expected = {}
    for name, path in (("", base), *((name, merge_lora(tmp_path / f"with-{name}.gguf", base, path)) for name, path in lora.items())):
        own = EngineSettings(path, threads=1, flash_attention="off")
        alone = EmbedQueue(Model(own), own, "mean", identity(path))
        expected[name] = await alone.embed(inputs, True)
        await alone.close()
    assert not np.allclose(expected["a"], expected["b"], atol=1e-3)
    done: list[tuple[str, int]] = []

    async def embed(name: str, count: int) -> None:
        assert np.allclose(await queue.embed(inputs[:count], True, adapter=name), expected[name][:count], atol=1e-3), (name, count)
        done.append((name, count))

    await asyncio.gather(embed("a", 640), embed("a", 320), embed("b", 1), embed("", 2), embed("b", 640), embed("a", 1))
    assert {name for name, _ in done[:3]} == {"", "a", "b"}, "a long call of one adapter holds up the short ones of others"
    await queue.close()
