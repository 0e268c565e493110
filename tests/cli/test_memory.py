"""The memory from the command line, as its users see it: processes, output, exit codes; alone and with a server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "echorator")
TELLS, ASKS, ANSWER = "My dog is called Pixel.", "What is my dog called?", "Your dog's name is Pixel.\n"
UNKNOWN = "I do not know your dog's name yet. Tell me and I will remember it.\n"
TIMEOUT_S = 60


class Home:
    """A user's data folder; commands see no other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, columns: int = 80) -> dict[str, str]:
        return os.environ | {"XDG_DATA_HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache"), "COLUMNS": str(columns)}

    def run(self, *arguments: str, text_in: str = "", columns: int = 80) -> subprocess.CompletedProcess[str]:
        command = (*COMMAND, *arguments)
        environment = self.environment(columns)
        return subprocess.run(command, input=text_in, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment)

    def out(self, *arguments: str, text_in: str = "", columns: int = 80) -> str:
        done = self.run(*arguments, text_in=text_in, columns=columns)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def chat(self, text: str, user: str = "ann", *more: str) -> str:
        return self.out("chat", "--user", user, "--temperature", "0", *more, text)

    def memory(self, action: str, *arguments: str, user: str = "ann", text_in: str = "", columns: int = 80) -> str:
        return self.out("memory", action, "--user", user, *arguments, text_in=text_in, columns=columns)

    def failed(self, code: int, *arguments: str, says: str) -> None:
        done = self.run(*arguments)
        assert done.returncode == code, (done.returncode, done.stderr)
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("echorator: error: ")
        assert says in lines[0]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@contextmanager
def serving(home: Home, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`echorator serve`; yields the process and its address."""
    command = (*COMMAND, "serve", "--port", "0", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=home.environment())
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.match(r"listening on (127\.0\.0\.1:\d+),", line)
        assert found is not None, line + (process.stderr.read() if process.stderr and process.poll() is not None else "")
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_what_one_process_was_told_the_next_one_knows(home: Home) -> None:
    assert home.chat(TELLS) == "Got it. I will remember that your dog's name is Pixel.\n"
    assert home.chat(ASKS) == ANSWER
    assert home.chat(ASKS, "bob") == UNKNOWN
    assert home.chat(ASKS, "ann", "--no-memory") == UNKNOWN
    home.chat("My dog is called Rex.")
    assert home.chat(ASKS) == "Your dog's name is Rex.\n"
    listed = home.memory("list", columns=120)
    assert re.search(r"Pixel\. \(no longer holds\)", listed)
    assert "My dog is called Rex." in listed
    shown = home.memory("show", "1", columns=120)
    assert "user's dog / name = Pixel" in shown
    assert "superseded" in shown


def test_usage_says_what_was_recalled_and_learned(home: Home) -> None:
    told = home.run("chat", "--user", "ann", "--temperature", "0", "--usage", TELLS)
    assert "recalled nothing (0 tokens)" in told.stderr
    assert "learned 1" in told.stderr
    asked = home.run("chat", "--user", "ann", "--temperature", "0", "--usage", ASKS)
    assert re.search(r"recalled 1 \(\d+ tokens\) in [\d.]+ ms, learned 2", asked.stderr)


@pytest.mark.slow
def test_add_and_search(home: Home) -> None:
    assert home.memory("add", TELLS, "I like [bold]tea[/bold] & <b>\x07cake</b>.") == "remembered 1, 2\n"
    assert home.memory("add", text_in="The port is 4431.\n\nIt rained.\n") == "remembered 3, 4\n"
    assert home.memory("add", "--said", "2020-02-03", "--speaker", "Bob", "--pinned", "We met.") == "remembered 5\n"
    assert home.memory("add", "The port is 4432.") == "remembered 6, superseding 3\n"
    wide, narrow = (home.memory("search", "which dog", columns=c) for c in (150, 80))
    for signal_name in ("dense", "words", "form"):
        assert signal_name in wide.splitlines()[0]
        assert signal_name not in narrow.splitlines()[0]
    assert TELLS in wide.splitlines()[1]
    assert max(map(len, narrow.splitlines())) <= 80
    assert "I like [bold]tea[/bold] & <b> cake</b>." in home.memory("list", columns=120)
    found = json.loads(home.memory("search", "port", "--output", "json", "--all"))
    assert {m["memory"]["text"] for m in found["memories"][:2]} == {"The port is 4431.", "The port is 4432."}
    assert "Bob: We met." in home.memory("list", "--before", "2021-01-01", columns=120)
    assert home.memory("search", "zzz", "--kind", "procedural") == "nothing fits\n"


@pytest.mark.slow
def test_forget_export_and_import(home: Home) -> None:
    home.memory("add", TELLS, "I like tea.")
    file = home.folder / "ann.jsonl"
    home.memory("export", str(file), "--embeddings")
    assert home.memory("import", str(file), user="copy") == "imported 2 memories\n"
    assert home.memory("import", str(file), user="copy") == "imported 0 memories, 2 were there already\n"
    assert home.memory("export", user="copy").count("\n") == 4
    file.write_bytes(file.read_bytes()[:-20])
    home.failed(1, "memory", "import", str(file), "--user", "other", says="nothing was imported")
    home.failed(1, "memory", "list", "--user", "other", says="nothing was ever remembered")
    assert home.memory("forget", "1", "--yes") == "forgot 1 memories; no text of them is left\n"
    assert b"Pixel" in (home.folder / "echorator" / "memory" / "memory.db").read_bytes()  # of the copy
    home.memory("forget", "--everything", "--yes", user="copy")
    assert b"Pixel" not in (home.folder / "echorator" / "memory" / "memory.db").read_bytes()


def test_upkeep(home: Home) -> None:
    home.memory("add", "My jam is plum.", "So my jam is plum.", "It rained in Oslo.")
    assert home.memory("consolidate", "--dry-run").startswith("merged 1,")
    assert home.memory("consolidate").startswith("merged 1, summarised into 0, archived 0, purged 0")
    assert home.out("memory", "check") == "3 memories, all clean\n"
    assert "ann" in home.out("memory", "stats")
    state = home.memory("state", columns=120)
    assert "2 active" in state
    assert "resonance" in state
    assert home.memory("goals", "learn to sail") == "learn to sail\n"
    assert "rained" in home.memory("patterns")


def test_the_map_is_drawn_in_three_formats(home: Home) -> None:
    home.memory("add", *(f"<b>Thing {i}</b> & more." for i in range(5)))
    svg, page, png = (home.folder / f"map.{ending}" for ending in ("svg", "html", "png"))
    for file in (svg, page, png):
        home.memory("map", "-o", str(file))
    circles = ElementTree.fromstring(svg.read_text()).findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 5
    assert "<b>Thing" not in page.read_text()
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    home.failed(2, "memory", "map", "--user", "ann", "-o", "map.gif", says=".svg, .html or .png")


@pytest.mark.slow
def test_mistakes_are_said_in_one_line(home: Home) -> None:
    home.memory("add", "x y")
    home.failed(2, "memory", "list", says="--user")
    home.failed(2, "memory", "nonsense", says="invalid choice")
    home.failed(1, "memory", "show", "99", "--user", "ann", says="no memory 99")
    home.failed(2, "memory", "search", "x", "--user", "ann", "--since", "yesterday", says="write 2026-11-21")
    home.failed(1, "memory", "import", "/no/such/file", "--user", "ann", says="cannot read")
    home.failed(1, "memory", "forget", "--user", "ann", "--yes", says="`everything`")
    home.failed(2, "memory", "list", "--user", "ann", "--embedder", "nonsense", says="use hashed, minilm or a .gguf file")
    home.failed(1, "memory", "list", "--user", "ann", "--memory", "/proc/none", says="cannot use")
    home.failed(1, "memory", "list", "--user", "ann", "--memory", "redis://127.0.0.1:1/0", says="does not answer")
    home.failed(69, "memory", "list", "--user", "ann", "--server", "127.0.0.1:1", says="cannot reach")
    home.failed(2, "serve", "--with-memory", "--memory-server", "127.0.0.1:1", says="exclude each other")


@pytest.mark.slow
def test_a_server_remembers_through_a_kill(home: Home) -> None:
    with serving(home, "--with-memory") as (process, address):
        assert home.chat(TELLS, "ann", "--server", address).startswith("Got it.")
        process.send_signal(signal.SIGKILL)  # right after the answer
        process.wait()
    with serving(home, "--with-memory") as (process, address):
        assert home.chat(ASKS, "ann", "--server", address) == ANSWER
        assert TELLS in home.memory("list", "--server", address, columns=120)
        home.failed(1, "memory", "list", "--user", "ann", says=f"in use by process {process.pid}")
        home.failed(1, "serve", "--port", "0", "--with-memory", says=f"in use by process {process.pid}")
        with serving(home, "--memory-server", address) as (_, second):
            assert home.chat(ASKS, "ann", "--server", second) == ANSWER
            process.terminate()
            process.wait()
            done = home.run("chat", "--user", "ann", "--server", second, ASKS)
            assert done.returncode == 69
            assert "memory did not answer" in done.stderr
            assert home.out("chat", "--temperature", "0", "--server", second, ASKS) == UNKNOWN


def test_a_server_without_a_memory_says_so(home: Home) -> None:
    with serving(home) as (_, address):
        home.failed(1, "memory", "list", "--user", "ann", "--server", address, says="start it with `echorator serve --with-memory`")
        home.failed(1, "chat", "--user", "ann", "--server", address, "hi", says="start it with --with-memory")
