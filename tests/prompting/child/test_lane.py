"""A child that loops, allocates, dies or says too much costs its own job and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from echorator.errors import DrainingError, QueueFullError, ResourceError, TemplateError
from echorator.prompting.child.bounds import Bounds, Words
from echorator.prompting.child.frames import Frame
from echorator.prompting.child.lane import AT_ONCE_BYTES, Lane
from tests.support.waiting import STEP_S, eventually, looks, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORDS = Words("the chat template of the model", "check the messages", TemplateError)
# A program that a message chooses from. Nothing in it is constant, for Jinja computes constants when it compiles.
SOURCE = """{%- set what, one = messages[0].content, messages | length -%}
{%- if what == 'loop' -%}{{ [] | slice(one * 1000000000000) | list | length }}
{%- elif what == 'memory' -%}{{ ('x' * one * 4000000000) | length }}
{%- elif what == 'write' -%}{{ 'x' * one * 6000000 }}
{%- else -%}said: {{ what }}{%- endif -%}"""


def opening(source: str) -> Frame:
    return Frame({"do": "open"}, json.dumps({"jinja": source, "go": "", "bos": "", "eos": ""}).encode())


def chat(content: str) -> Frame:
    asked = {"messages": [{"role": "user", "content": content}], "arguments": {}, "add_generation_prompt": True}
    return Frame({"do": "render"}, json.dumps(asked).encode())


@asynccontextmanager
async def lane_of(source: str = SOURCE, **bounds: Any) -> AsyncIterator[Lane]:
    lane = Lane("template", opening(source), Bounds(**({"job_s": 0.5} | bounds)), WORDS)
    try:
        yield lane
    finally:
        await lane.close()


async def text(lane: Lane, content: str) -> str:
    return (await lane.do(chat(content))).decode()


async def refusal(lane: Lane, content: str) -> str:
    with pytest.raises(TemplateError) as refused:
        await text(lane, content)
    return str(refused.value)


def alive(pid: int) -> bool:
    """Neither gone nor a zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def told_of(pid: int) -> tuple[list[str], bytes]:
    """What a process has open, and its environment."""
    process = Path(f"/proc/{pid}")
    return [os.readlink(link) for link in (process / "fd").iterdir()], (process / "environ").read_bytes()


async def test_a_job_that_does_not_end_is_ended_and_the_next_is_done_by_a_new_child() -> None:
    async with lane_of() as lane:
        assert await text(lane, "hello") == "said: hello"
        first = lane.pid
        assert await refusal(lane, "loop") == "the chat template of the model did not finish within 0.5 s; check the messages"
        until(lambda: not alive(first), "the child is gone")
        assert await text(lane, "again") == "said: again"
        assert lane.pid != first


@pytest.mark.parametrize(
    ("what", "bounds", "says"),
    [
        ("memory", {"memory_bytes": 256 << 20}, "needs more than 256 MiB of memory"),
        ("write", {"output_bytes": 1 << 20}, "makes more than 1 MiB"),
    ],
)
async def test_bounds_of_memory_and_output(what: str, bounds: dict[str, Any], says: str) -> None:
    async with lane_of(job_s=20.0, **bounds) as lane:
        assert says in await refusal(lane, what)
        assert await text(lane, "again") == "said: again"


async def test_jobs_behind_a_slow_one_are_done() -> None:
    async with lane_of() as lane:
        slow = asyncio.create_task(refusal(lane, "loop"))
        await asyncio.sleep(0)
        assert await asyncio.gather(*(text(lane, str(n)) for n in range(20))) == [f"said: {n}" for n in range(20)]
        assert "did not finish" in await slow


async def test_small_jobs_overtake_large_ones_but_not_for_ever() -> None:
    async with lane_of(job_s=20.0) as lane:
        await text(lane, "started")
        done: list[int] = []

        async def ask(size: int) -> None:
            await text(lane, "x" * size)
            done.append(size)

        await asyncio.gather(ask(10), *(ask(size) for size in (2_000_000, 1_000_000, 20)))
        assert done == [10, 20, 1_000_000, 2_000_000]


async def test_a_crash_is_told_by_its_signal() -> None:
    async with lane_of(job_s=30.0) as lane:
        await text(lane, "hello")
        victim = asyncio.create_task(refusal(lane, "loop"))
        await asyncio.sleep(0)
        os.kill(lane.pid, signal.SIGSEGV)
        assert await victim == "the chat template of the model crashed (SIGSEGV); check the messages"
        assert await text(lane, "again") == "said: again"


async def test_a_child_that_died_idle_is_replaced() -> None:
    async with lane_of() as lane:
        await text(lane, "hello")
        dead = lane.pid
        os.kill(dead, signal.SIGKILL)
        until(lambda: not alive(dead), "the child is gone")
        assert await text(lane, "again") == "said: again"


async def test_a_child_does_not_hear_the_signals_of_its_parents_group() -> None:
    async with lane_of() as lane:
        await text(lane, "hello")
        first = lane.pid
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(first, number)
        assert await text(lane, "again") == "said: again"
        assert lane.pid == first
        assert os.getpgid(first) == first


async def test_a_child_has_no_descriptors_and_no_secrets_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    with (tmp_path / "open").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        async with lane_of() as lane:
            await text(lane, "hello")
            files, environment = told_of(lane.pid)
            assert not any("open" in Path(name).name for name in files)
            assert len(files) <= 5  # nothing as input, output and errors, and the socket to its parent
            assert b"HF_TOKEN" not in environment


async def test_a_refused_opening_answers_every_job_and_starts_nothing_more() -> None:
    async with lane_of("{% for %}") as lane:
        said = await refusal(lane, "hello")
        assert "does not parse" in said
        assert lane.pid == 0
        assert await refusal(lane, "again") == said


async def test_an_opening_that_does_not_end_fails_those_who_wait_and_is_not_tried_again_at_once() -> None:
    async with lane_of("{{ [] | slice(1000000000000) | list }}", job_s=0.1) as lane:  # Jinja computes it when it compiles
        said = await asyncio.gather(*(refusal(lane, "hello") for _ in range(3)))
        assert said == ["the chat template of the model did not finish within 0.5 s; check the messages"] * 3
        assert await refusal(lane, "again") == said[0]
        assert lane.pid == 0


async def test_after_a_while_the_opening_is_tried_again() -> None:
    async with lane_of(start_s=0.001) as lane:  # too short for a process
        with pytest.raises(ResourceError, match="the process for the chat template of the model does not start"):
            await text(lane, "hello")
        lane._bounds = Bounds()
        for _ in looks(30):
            answers = await asyncio.gather(text(lane, "hello"), return_exceptions=True)
            if not isinstance(answers[0], ResourceError):
                break
            await asyncio.sleep(STEP_S)
        assert answers[0] == "said: hello"


async def test_a_long_job_gives_way_to_the_rest_of_the_machine() -> None:
    async with lane_of(job_s=60.0) as lane:
        await text(lane, "hello")
        first = lane.pid
        leaving = asyncio.create_task(text(lane, "loop"))
        await eventually(lambda: os.getpriority(os.PRIO_PROCESS, first) == 19, "a low priority")
        leaving.cancel()


async def test_a_child_that_gave_way_is_replaced() -> None:
    async with lane_of(job_s=60.0, gentle_s=0.0) as lane:
        lane.start()
        await eventually(lambda: lane.pid != 0, "a child")
        first = lane.pid
        long = "hello" * AT_ONCE_BYTES  # no child gives way in the short time of a job that is done at once
        assert await text(lane, long) == f"said: {long}"
        await eventually(lambda: lane.pid not in (0, first), "another child")
        assert await text(lane, "again") == "said: again"


async def test_a_caller_that_leaves_disturbs_nobody() -> None:
    async with lane_of() as lane:
        await text(lane, "hello")
        leaving = [asyncio.create_task(text(lane, "gone")) for _ in range(5)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        assert await text(lane, "again") == "said: again"


async def test_waiting_is_bounded() -> None:
    async with lane_of(job_s=60.0, wait_s=-59.5) as lane:  # half a second for waiting and the job together
        with pytest.raises(QueueFullError, match="had no turn within"):
            await text(lane, "loop")


async def test_closing_refuses_what_waits_and_ends_the_child() -> None:
    lane = Lane("template", opening(SOURCE), Bounds(), WORDS)
    await text(lane, "hello")
    pid = lane.pid
    waiting = [asyncio.create_task(lane.do(chat("loop"))) for _ in range(3)]
    for _ in range(100):  # turns of the event loop: the first one runs by then
        await asyncio.sleep(0)
    await lane.close()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(error, DrainingError) for error in errors)
    assert not alive(pid)
    with pytest.raises(DrainingError):
        await lane.do(chat("hello"))


PARENT = """
import asyncio, json, sys
from echorator.prompting.child.bounds import Bounds, Words
from echorator.prompting.child.frames import Frame
from echorator.prompting.child.lane import Lane
async def main():
    opening = Frame({"do": "open"}, json.dumps({"jinja": sys.argv[1], "go": "", "bos": "", "eos": ""}).encode())
    lane = Lane("template", opening, Bounds(job_s=600), Words("it", "stop"))
    asked = {"messages": [{"role": "user", "content": sys.argv[2]}], "arguments": {}, "add_generation_prompt": True}
    job = asyncio.create_task(lane.do(Frame({"do": "render"}, json.dumps(asked).encode())))
    while not lane.pid:
        await asyncio.sleep(0.01)
    print(lane.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["loop", "hello"])
async def test_it_dies_with_its_parent_whether_it_computes_or_waits(what: str) -> None:
    command = [sys.executable, "-c", PARENT, SOURCE, what]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220 nothing else runs on this loop meanwhile
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        until(lambda: not alive(pid), "the child is gone")
