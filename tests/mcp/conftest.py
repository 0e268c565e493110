"""One real server with the embedded model and a memory, and MCP servers before it as processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mcp.client.stdio import StdioServerParameters

from tests.support.commands import COMMAND, server
from tests.support.ports import free_port


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("memory")
    with server("--threads", "1", "--with-memory", "--memory", str(folder)) as (_, address):
        yield address


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A user of the test's own."""
    return re.sub(r"\W", "-", request.node.name)[:100]


def stdio(*arguments: str) -> StdioServerParameters:
    """`echorator mcp` over stdio, for the SDK's client."""
    return StdioServerParameters(command=sys.executable, args=[*COMMAND[1:], "mcp", *arguments], env=dict(os.environ))


@contextmanager
def over_http(log: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`echorator mcp --http` on a free port; yields the process and its URL."""
    command = (*COMMAND, "mcp", "--http", f"127.0.0.1:{free_port()}", *arguments)
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"MCP at (http://127\.0\.0\.1:\d+/mcp)\n", line)
        assert found is not None, line + log.read_text()
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()
