"""`echorator logs`: what the agents of an `up` log, of one agent or of all that serve a model, while it runs and after it has ended."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from echorator.cli.output.model_standing import age
from echorator.cli.output.model_tables import size_of
from echorator.cli.output.rendering import show
from echorator.cli.output.tables import Column, Table
from echorator.cli.parsing import nearest
from echorator.host.agent_logs import LOGS, AgentLog, Following, found
from echorator.host.exits import CommandError, Exit
from echorator.host.folders import data_home
from echorator.host.running_file import find

LOOK_S = 0.2  # time between two looks at what was appended


def run(arguments: argparse.Namespace) -> int:
    """List the logs, or print one, until Ctrl-C with --follow; return the exit code. Raises CommandError."""
    folder = _folder(arguments.data)
    if not arguments.name:
        if arguments.follow:
            raise CommandError("say whose: echorator logs -f MODEL, or -f AGENT", Exit.USAGE)
        _list(found(folder), folder, arguments.output)
        return Exit.OK
    logs = _of(arguments.name, folder)
    if arguments.follow:
        _follow(arguments.name, folder, [Following(log) for log in logs], arguments.lines)
    else:
        _print([(log, line) for log in logs for line in log.last_lines(arguments.lines)], len(logs) > 1)
    return Exit.OK


def _folder(data: Path | None) -> Path:
    running = find() if data is None else None
    return (data or Path(running.data if running is not None and running.data else data_home())) / LOGS


def _of(name: str, folder: Path) -> list[AgentLog]:
    """Return the log of the agent of this name, else those of the model. Raises CommandError where there is neither."""
    known = found(folder)
    logs = [log for log in known if log.agent == name] or [log for log in known if log.model == name]
    if logs:
        return logs
    if not known:
        raise CommandError(f"there are no logs of agents in {folder}; `--data` names the folder of another `up`")
    hint = nearest(name, {n for log in known for n in (log.model, log.agent)})
    raise CommandError(f"there is no log of an agent or a model {name!r} {hint or '(`echorator logs` lists them)'}")


def _list(logs: Sequence[AgentLog], folder: Path, output: str) -> None:
    now = datetime.now(UTC)
    written = [datetime.fromtimestamp(log.written_s(), UTC) for log in logs]
    rows = [[log.agent, log.model, size_of(log.size_bytes()), f"{age(at, now)} ago"] for log, at in zip(logs, written, strict=True)]
    listed = [
        {"agent": log.agent, "model": log.model, "sizeBytes": str(log.size_bytes()), "written": at.isoformat(), "path": str(log.path)}
        for log, at in zip(logs, written, strict=True)
    ]
    tables = [Table(("AGENT", "MODEL", Column("SIZE", right=True), Column("WRITTEN", right=True)), rows, output == "wide")] if rows else []
    nothing = f"there are no logs of agents in {folder}; `echorator up` starts agents"
    show(output, {"logs": listed}, [log.agent for log in logs], *tables, nothing=nothing)


def _print(lines: Sequence[tuple[AgentLog, str]], several: bool, before: AgentLog | None = None) -> AgentLog | None:
    """Print the lines; of several logs say on stderr whose lines follow. Return the log of the last line."""
    for log, line in lines:
        if several and log != before:
            sys.stdout.flush()
            print(f"==> {log.agent} <==", file=sys.stderr, flush=True)
        before = log
        print(line)
    sys.stdout.flush()
    return before


def _follow(name: str, folder: Path, following: list[Following], number: int) -> None:
    """Print the last lines and then what is appended, until Ctrl-C; the logs of agents that are started meanwhile belong to it."""
    last = _print([(each.log, line) for each in following for line in each.begin(number)], len(following) > 1)
    while True:
        time.sleep(LOOK_S)
        known = {each.log for each in following}
        following += [Following(log) for log in found(folder) if name in (log.agent, log.model) and log not in known]
        last = _print([(each.log, line) for each in following for line in each.lines()], len(following) > 1, last)
