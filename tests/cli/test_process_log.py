"""Logs of child processes: bounded by size and number, whole, for their owner's eyes only, and no reason to fail."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from echorator.host.process_log import KEPT, TAIL_CHARS, ProcessLog

WRITE = "import sys\nfor i in range(int(sys.argv[1])):\n    print(f'line {i} ' + 'x' * 90, file=sys.stderr)\n"


async def copied(log: ProcessLog, lines: int) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE, str(lines), stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    await log.copy(process.stderr)
    assert await process.wait() == 0
    log.close()


def test_it_is_rotated_and_private(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "agent.log"
    log = ProcessLog(path, most_bytes=200_000)
    asyncio.run(copied(log, 10_000))
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["agent.log", *(f"agent.log.{i}" for i in range(1, KEPT + 1))]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sum(file.stat().st_size for file in files) <= 200_000 * (KEPT + 1)
    assert "line 9999 " in path.read_text()
    assert log.tail.rstrip().splitlines()[-1].startswith("line 9999 ")
    assert len(log.tail) <= TAIL_CHARS


def test_older_logs_are_made_private_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    path.write_text("of the run before\n")
    path.chmod(0o644)
    asyncio.run(copied(ProcessLog(path), 2))
    assert path.read_text().splitlines()[0] == "of the run before"
    assert len(path.read_text().splitlines()) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_no_text_is_kept_as_well(tmp_path: Path) -> None:
    async def written() -> None:
        stream = asyncio.StreamReader()
        log = ProcessLog(tmp_path / "agent.log")
        for part in ("ä".encode()[:1], "ä".encode()[1:], b"\xff and on\n", "漢".encode()[:2]):
            stream.feed_data(part)
        stream.feed_eof()
        await log.copy(stream)
        log.close()

    asyncio.run(written())
    assert (tmp_path / "agent.log").read_text() == "ä\ufffd and on\n\ufffd"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is absent, which Linux has")
def test_a_full_disk_costs_the_log_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "agent.log"
    path.symlink_to("/dev/full")
    asyncio.run(copied(ProcessLog(path), 2000))
    assert [record.message for record in caplog.records].count("a log cannot be written") == 1
