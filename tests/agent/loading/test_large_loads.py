"""Loads that take much of the machine's memory wait for one another, whatever process they are of."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from echorator.agent.loading import large_loads
from echorator.agent.loading.large_loads import is_large, one_at_a_time
from echorator.engine.memory_needs import DevicePart, Needs
from echorator.errors import DrainingError

# Is in the section until its standard input ends.
HOLDER = """
import asyncio, sys, threading
from pathlib import Path
from echorator.agent.loading.large_loads import one_at_a_time
async def hold():
    async with one_at_a_time(threading.Event(), Path(sys.argv[1])):
        print("in", flush=True)
        sys.stdin.read()
asyncio.run(hold())
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that is in the section."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


def test_what_is_large() -> None:
    needs = Needs(1 << 30, 0, 0, 0)
    assert is_large(needs, 7 << 30)
    assert not is_large(needs, 9 << 30)
    assert is_large(Needs(0, 0, 0, 0, (DevicePart("CUDA0", 2 << 30, 8 << 30),)), 1 << 40)


@pytest.mark.asyncio(loop_scope="session")
async def test_processes_wait_for_one_another_and_for_a_killed_one_no_longer(tmp_path: Path) -> None:
    other = holder(tmp_path)
    entered = asyncio.Event()

    async def enter() -> None:
        async with one_at_a_time(threading.Event(), tmp_path):
            entered.set()

    entering = asyncio.create_task(enter())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(entered.wait(), 0.5)
    other.kill()
    other.communicate()
    await asyncio.wait_for(entering, 10)


@pytest.mark.asyncio(loop_scope="session")
async def test_who_waits_hears_that_the_server_ends(tmp_path: Path) -> None:
    other, stopping = holder(tmp_path), threading.Event()

    async def enter() -> None:
        async with one_at_a_time(stopping, tmp_path):
            raise AssertionError("two are in the section")

    entering = asyncio.create_task(enter())
    await asyncio.sleep(0)
    stopping.set()
    with pytest.raises(DrainingError):
        await asyncio.wait_for(entering, 10)
    other.kill()
    other.communicate()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_load_that_stands_still_holds_up_others_for_a_while_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_loads, "LONGEST_WAIT_S", 0.2)
    other = holder(tmp_path)
    async with asyncio.timeout(10), one_at_a_time(threading.Event(), tmp_path):
        assert other.poll() is None
    other.kill()
    other.communicate()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_folder_that_cannot_be_written_stops_no_load(tmp_path: Path) -> None:
    async with one_at_a_time(threading.Event(), tmp_path / "absent"):
        pass
