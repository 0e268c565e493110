"""`echorator logs`: what agents logged, found by model or agent, followed across rotations and restarts, bounded in number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.host.agent_logs import LOGS, MOST_KEPT, AgentLog, Following, found, place_of, prune
from echorator.host.process_log import KEPT, ProcessLog
from tests.cli.up import Up
from tests.support.commands import COMMAND, echorator, failed
from tests.support.waiting import until


def written(folder: Path, model: str, agent: str, *lines: str) -> AgentLog:
    path = place_of(folder / LOGS, model, agent)
    log = ProcessLog(path)
    for line in lines:
        log.note(line)
    log.close()
    return AgentLog(model, agent, path)


def logs(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return echorator("logs", *arguments, "--data", str(folder))


def test_a_list_of_what_there_is(tmp_path: Path) -> None:
    assert logs(tmp_path).stderr.startswith("there are no logs of agents in ")
    written(tmp_path, "nano", "nano-0", "a")
    written(tmp_path, "phi", "phi-0", "b")
    rows = [line.split()[:2] for line in logs(tmp_path).stdout.splitlines()]
    assert rows == [["AGENT", "MODEL"], ["nano-0", "nano"], ["phi-0", "phi"]]
    listed = json.loads(logs(tmp_path, "-o", "json").stdout)["logs"]
    assert [(one["agent"], one["sizeBytes"]) for one in listed] == [("nano-0", "2"), ("phi-0", "2")]


def test_of_an_agent_and_of_a_model(tmp_path: Path) -> None:
    written(tmp_path, "nano", "nano-0", *(f"line {i}" for i in range(300)))
    written(tmp_path, "nano", "nano-1", "other")
    one = logs(tmp_path, "nano-0", "--lines", "2")
    assert (one.stdout, one.stderr) == ("line 298\nline 299\n", "")
    assert len(logs(tmp_path, "nano-0").stdout.splitlines()) == 100
    assert logs(tmp_path, "nano-0", "--lines", "0").stdout == ""
    both = logs(tmp_path, "nano", "--lines", "1")
    assert both.stdout == "line 299\nother\n", "nothing but lines, for pipes"
    assert both.stderr == "==> nano-0 <==\n==> nano-1 <==\n"


def test_names_that_are_unknown(tmp_path: Path) -> None:
    failed(logs(tmp_path, "nano"), 1, "there are no logs of agents in ", "--data")
    written(tmp_path, "nano", "nano-0", "a")
    failed(logs(tmp_path, "nanoo"), 1, "'nanoo' (did you mean nano?)")
    failed(logs(tmp_path, "quite-another"), 1, "(`echorator logs` lists them)")
    failed(logs(tmp_path, "-f"), 2, "say whose: echorator logs -f MODEL")


def test_last_lines_across_rotated_files(tmp_path: Path) -> None:
    path = place_of(tmp_path, "nano", "nano-0")
    log = ProcessLog(path, most_bytes=1000)
    for i in range(100):
        log.note(f"line {i:04d} {'x' * 40}")
    log.close()
    (one,) = found(tmp_path)
    assert len(one.files()) == KEPT + 1
    assert one.size_bytes() <= 1000 * (KEPT + 1)
    assert [line.split()[1] for line in one.last_lines(30)] == [f"{i:04d}" for i in range(70, 100)]
    following = Following(one)
    assert [line.split()[1] for line in following.begin(30)] == [f"{i:04d}" for i in range(70, 100)]
    following.close()
    assert len(one.last_lines(1000)) < 100, "older ones are gone"


def test_following_goes_on_after_a_rotation(tmp_path: Path) -> None:
    log = ProcessLog(place_of(tmp_path, "nano", "nano-0"), most_bytes=1000)
    log.note("before")
    (one,) = found(tmp_path)
    following = Following(one)
    assert following.begin(10) == ["before"]
    seen: list[str] = []
    for i in range(100):
        log.note(f"line {i} {'x' * 40}")
        seen += following.lines()
    log.close()
    following.close()
    assert [line.split()[1] for line in seen] == [str(i) for i in range(100)]


def test_a_line_that_is_not_whole_waits(tmp_path: Path) -> None:
    one = written(tmp_path, "nano", "nano-0")
    following = Following(one)
    with one.path.open("ab") as out:
        out.write("ä".encode()[:1])
        out.flush()
        assert list(following.lines()) == []
        out.write("ä".encode()[1:] + b" b\nnext")
        out.flush()
        assert list(following.lines()) == ["ä b"]
    following.close()


def test_logs_of_ended_agents_are_bounded_in_number(tmp_path: Path) -> None:
    for i in range(MOST_KEPT + 10):
        one = written(tmp_path, f"m{i}", f"m{i}-0", "a")
        os.utime(one.path, (i, i))
    (tmp_path / LOGS / "of-an-earlier-version.log").write_text("x")
    prune(tmp_path / LOGS, {"m0-0"})
    left = {log.agent for log in found(tmp_path / LOGS)}
    assert left == {"m0-0", *(f"m{i}-0" for i in range(10, MOST_KEPT + 10))}
    assert not (tmp_path / LOGS / "m1").exists()
    assert not (tmp_path / LOGS / "of-an-earlier-version.log").exists()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path, "--log-format", "json", "--log-level", "info").start().ready()
    yield made
    made.process.end()


@pytest.mark.slow
def test_a_restart_is_followed_and_the_log_stays_when_all_has_ended(up: Up, tmp_path: Path) -> None:
    out = tmp_path / "followed"
    with out.open("wb") as to:
        follow = subprocess.Popen((*COMMAND, "logs", "-f", "nano", "--data", str(up.data)), stdout=to, stderr=to)

    def started() -> list[int]:
        return [json.loads(line)["pid"] for line in out.read_text().splitlines() if '"agent started"' in line]

    try:
        until(lambda: len(started()) == 1, "the first start is shown")
        (agent,) = up.agents().values()
        os.kill(agent, signal.SIGKILL)
        until(lambda: len(started()) == 2, "the second start is shown")
        assert '"code": -9' in out.read_text()
        up.ready()
        up.process.terminate()
        until(lambda: out.read_text().count('"agent ended"') == 2, "the end is shown")
    finally:
        follow.send_signal(signal.SIGINT)
        assert follow.wait(30) == 130
    after = [json.loads(line) for line in logs(up.data, "nano-0").stdout.splitlines()]
    assert [line["message"] for line in after if line["logger"] == "echorator"].count("agent started") == 2
    assert {"info"} == {line["level"] for line in after if line["message"] == "model loaded"}, "agents log as `up` does"
    told = up.process.log.read_text().splitlines()
    assert all({"time", "level", "message"} <= json.loads(line).keys() for line in told), "what is on stdout is JSON too"
    assert any("an agent ended by itself" in line for line in told)
