"""Frames, pipes, signals and HTTP headers: what a broken or hostile client does to `echorator mcp`, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp import Client
from mcp_types import INVALID_REQUEST, PARSE_ERROR

from echorator.host.exits import Exit
from tests.mcp.conftest import over_http
from tests.support.commands import COMMAND, TIMEOUT_S, echorator, failed

PROTOCOL = "2025-06-18"
HELLO = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
SECRET = "a secret text"


def frame(method: str, params: Any, number: int) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


INITIALIZE = frame("initialize", HELLO, 1)


def begun(served: str, *options: str) -> subprocess.Popen[bytes]:
    """`echorator mcp` that has answered the first request."""
    command = (*COMMAND, "mcp", "--user", "ann", "--server", served, *options)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(INITIALIZE)
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "echorator"
    return process


def answers(process: subprocess.Popen[bytes], sent: bytes) -> tuple[list[Any], str]:
    """Send bytes and the end of stdin; return the frames that come and what stands on stderr once the process has ended."""
    out, err = process.communicate(sent, timeout=TIMEOUT_S)
    assert process.returncode == Exit.OK, err
    return [json.loads(line) for line in out.splitlines()], err.decode()


@dataclass(frozen=True)
class Bad:
    """A frame that is no message, and the id and the code of the error that answers it over stdio."""

    frame: bytes
    code: int
    id: int | str | None = None


BAD = {
    "no JSON": Bad(b"hello", PARSE_ERROR),
    "cut": Bad(b'{"jsonrpc": "2.0", "id": 7, "method": "ping"', PARSE_ERROR),
    "no UTF-8": Bad(b'{"jsonrpc": "2.0", "id": 7, "method": "ping\xff"}', PARSE_ERROR),
    "deep": Bad(b"[" * 100_000, PARSE_ERROR),
    "version": Bad(b'{"jsonrpc": "1.0", "id": 7, "method": "ping"}', INVALID_REQUEST, 7),
    "no version": Bad(b'{"id": "a", "method": "ping"}', INVALID_REQUEST, "a"),
    "text for params": Bad(b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": "x"}', INVALID_REQUEST, 7),
    "list for params": Bad(b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}', INVALID_REQUEST, 7),
    "number for method": Bad(b'{"jsonrpc": "2.0", "id": 7, "method": 5}', INVALID_REQUEST, 7),
    "no method": Bad(b'{"jsonrpc": "2.0", "id": 7}', INVALID_REQUEST, 7),
    "batch": Bad(b'[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]', INVALID_REQUEST),
    "empty batch": Bad(b"[]", INVALID_REQUEST),
    "text": Bad(b'"ping"', INVALID_REQUEST),
    "surrogate": Bad(b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"x": "\\ud800"}}', INVALID_REQUEST, 7),
    "surrogate for id": Bad(b'{"jsonrpc": "2.0", "id": "\\udc00", "method": "ping"}', INVALID_REQUEST),
    "malformed answer": Bad(b'{"jsonrpc": "2.0", "id": 7, "result": 5}', INVALID_REQUEST),
}
BAD_IDS = {
    "null for id": Bad(b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', INVALID_REQUEST),
    "fraction for id": Bad(b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', INVALID_REQUEST),
    "true for id": Bad(b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', INVALID_REQUEST),
}


def test_each_malformed_frame_has_an_error(served: str) -> None:
    bad = [*BAD.values(), *BAD_IDS.values()]
    process = begun(served)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n \r\n" + b"\n".join(one.frame for one in bad) + b"\n" + frame("ping", {}, 8))
    process.stdin.flush()
    came = [json.loads(process.stdout.readline()) for _ in (*bad, "ping")]
    assert [(one["id"], one.get("error", {}).get("code")) for one in came] == [*((one.id, one.code) for one in bad), (8, None)]
    assert all(one["error"]["message"] for one in came[:-1])
    assert answers(process, b"") == ([], "")


def test_each_malformed_body_has_an_error_over_http(served: str, tmp_path: Path) -> None:
    with over_http(tmp_path / "log", "--user", "ann", "--server", served) as (_, url):
        session, _, _ = posted(url, INITIALIZE)
        assert session
        for name, one in (BAD | BAD_IDS | {"too large": Bad(b"[" + b" " * (9 << 20) + b"]", PARSE_ERROR)}).items():
            _, status, body = posted(url, one.frame, **{"Mcp-Session-Id": session, "MCP-Protocol-Version": PROTOCOL})
            assert status == 400, name
            answer = json.loads(body)
            assert (answer["id"], answer["error"]["code"]) == (one.id, one.code), name
        _, status, body = posted(url, frame("ping", {}, 8), **{"Mcp-Session-Id": session, "MCP-Protocol-Version": PROTOCOL})
        assert (status, b'"id":8' in body) == (200, True)


@pytest.mark.parametrize(
    "bad",
    [
        SECRET.encode(),
        b'{"jsonrpc": "2.0", "id": 7, "method": "tools/list"',
        b"[]",
        b"\xff\xfe\x00",
        b'{"jsonrpc": "1.0", "id": 7, "method": 5}',
        b"[" * 100_000,
        b"x" * (9 << 20),
        b"",
    ],
    ids=["no JSON", "cut", "a list", "no UTF-8", "no request", "deep", "larger than a frame may be", "empty"],
)
def test_the_frame_after_a_malformed_one_is_answered(served: str, bad: bytes) -> None:
    process = begun(served)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(bad + b"\n" + frame("ping", {}, 8))
    process.stdin.flush()
    while (answer := json.loads(process.stdout.readline())).get("id") != 8:
        assert "error" in answer or answer["method"] == "notifications/message"
        assert SECRET not in str(answer)
    assert answer["result"] == {}
    rest, err = answers(process, b"")
    assert rest == []
    assert SECRET not in err


def test_a_wrong_request_is_an_error_of_the_protocol(served: str) -> None:
    process = begun(served)
    assert process.stdin is not None
    assert process.stdout is not None
    for number, method, params in ((2, "tools/none", {}), (3, "tools/call", {"name": "none"}), (4, "tools/call", {"arguments": 5})):
        process.stdin.write(frame(method, params, number))
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert (answer["id"], "error" in answer) == (number, True)
    answers(process, b"")


def test_the_end_of_stdin_ends_the_process(served: str) -> None:
    assert answers(begun(served), b"") == ([], "")


def test_a_client_that_closes_both_pipes_ends_the_process_quietly(served: str) -> None:
    process = begun(served)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(frame("ping", {}, 2))
    process.stdin.flush()
    assert process.wait(TIMEOUT_S) == Exit.PIPE_CLOSED
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_it_waits_for_the_client(served: str, number: signal.Signals) -> None:
    process = begun(served)
    process.send_signal(number)
    assert process.wait(TIMEOUT_S) == Exit.OK
    assert process.communicate() == (b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.asyncio
async def test_a_signal_ends_http_with_a_client_connected(served: str, number: signal.Signals, tmp_path: Path) -> None:
    with over_http(tmp_path / "log", "--user", "ann", "--server", served) as (process, url):
        async with Client(url, mode="legacy") as client:
            await client.list_tools()
            process.send_signal(number)
            assert process.wait(TIMEOUT_S) == Exit.OK
    assert (tmp_path / "log").read_text() == "stopped\n"


def asked(url: str, **headers: str) -> int:
    """Status of an initialize request with these headers."""
    return posted(url, INITIALIZE, **headers)[1]


def posted(url: str, body: bytes, **headers: str) -> tuple[str | None, int, bytes]:
    """The session, the status and the first bytes that answer a body."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT_S)
    plain = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    try:
        connection.request("POST", where.path, body, plain | headers)
        response = connection.getresponse()
        return response.getheader("Mcp-Session-Id"), response.status, response.read1()
    finally:
        connection.close()


def test_http_refuses_other_hosts_and_origins(served: str, tmp_path: Path) -> None:
    options = ("--user", "ann", "--server", served, "--allowed-host", "mcp.example.com")
    with over_http(tmp_path / "log", *options) as (_, url):
        port = urlsplit(url).port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost", "mcp.example.com", "mcp.example.com:444"):
            assert asked(url, Host=host) == 200, host
        for host in ("evil.example.com", f"evil.example.com:{port}", "mcp.example.com.evil.org", "localhost.evil.org:80"):
            assert asked(url, Host=host) == 421, host
        for origin in ("http://localhost:3000", "https://mcp.example.com"):
            assert asked(url, Origin=origin) == 200, origin
        for origin in ("http://evil.example.com", "null", "http://localhost.evil.org"):
            assert asked(url, Origin=origin) == 403, origin


def test_mistakes_in_the_arguments(tmp_path: Path) -> None:
    failed(echorator("mcp"), Exit.USAGE, "--user")
    failed(echorator("mcp", "--user", "ann", "--http", "nowhere"), Exit.USAGE, "--http 'nowhere' is not HOST:PORT")
    failed(echorator("mcp", "--user", "ann", "--allowed-host", "x"), Exit.USAGE, "--allowed-host is of --http")
    with over_http(tmp_path / "log", "--user", "ann") as (_, url):
        taken = urlsplit(url).netloc
        failed(echorator("mcp", "--user", "ann", "--http", taken), Exit.RESOURCE, "cannot listen on 127.0.0.1", "name another --http")


def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    """The package is kept from a real process by a finder of modules that says there is none."""
    blocked = "import sys; sys.modules['mcp'] = None; from echorator.cli.main import main; sys.exit(main(['mcp', '--user', 'ann']))"
    command = (sys.executable, "-P", "-c", blocked)
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=dict(os.environ), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr == "echorator: error: this needs the package mcp, which is not installed: pip install 'echorator[mcp]'\n"
