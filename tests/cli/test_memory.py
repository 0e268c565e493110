"""The memory from the command line, as its users see it: processes, output, exit codes; alone and with a server."""

from __future__ import annotations

import hmac
import json
import os
import re
import signal
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from echorator.host.exits import Exit

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

    def nothing(self, action: str, *arguments: str) -> str:
        """What an action says on stderr that has nothing to show."""
        done = self.run("memory", action, "--user", "ann", *arguments)
        assert (done.returncode, done.stdout) == (0, "")
        return done.stderr

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


def test_usage_says_what_will_be_remembered_and_what_was_forgotten(home: Home) -> None:
    kept = home.run("chat", "--user", "ann", "--temperature", "0", "--usage", "Please remember that I am vegan.")
    assert re.search(r"learned 1, will remember 1\n", kept.stderr)
    gone = home.run("chat", "--user", "ann", "--temperature", "0", "--usage", "Forget that I am vegan.")
    assert re.search(r"learned nothing, forgot 1\n", gone.stderr)


@pytest.mark.slow
def test_add_and_search(home: Home) -> None:
    assert home.memory("add", TELLS, "I like [bold]tea[/bold] & <b>\x07cake</b>.") == "remembered 1, 2\n"
    assert home.memory("add", text_in="The port is 4431.\n\nIt rained.\n") == "remembered 3, 4\n"
    assert home.memory("add", "--said", "2020-02-03", "--speaker", "Bob", "--pinned", "We met.") == "remembered 5\n"
    assert home.memory("add", "The port is 4432.") == "remembered 6, superseding 3\n"
    found = home.memory("search", "which dog").splitlines()
    for signal_name in ("DENSE", "WORDS", "FORM"):
        assert signal_name in found[0], "without a terminal nothing is left out"
    assert TELLS in found[1]
    assert "I like [bold]tea[/bold] & <b> cake</b>." in home.memory("list", columns=120)
    as_json = json.loads(home.memory("search", "port", "--output", "json", "--all"))
    assert {m["memory"]["text"] for m in as_json["memories"][:2]} == {"The port is 4431.", "The port is 4432."}
    assert "Bob: We met." in home.memory("list", "--before", "2021-01-01", columns=120)
    assert home.nothing("search", "zzz", "--kind", "procedural") == "nothing fits\n"


@pytest.mark.slow
def test_forget_export_and_import(home: Home) -> None:
    home.memory("add", TELLS, "I like tea.")
    file = home.folder / "ann.jsonl"
    home.memory("export", str(file), "--embeddings")
    assert home.memory("import", str(file), user="copy") == "imported 2 memories\n"
    assert home.memory("import", str(file), user="copy") == "imported 0 memories, 2 were there already\n"
    assert home.memory("export", user="copy").count('"text"') == 2
    texts = home.memory("export", "--format", "texts")
    assert [json.loads(line)["text"] for line in texts.splitlines()] == [TELLS, "I like tea."]
    other = home.folder / "mem0.json"
    other.write_text(json.dumps({"results": [{"id": "1", "memory": "Likes jam", "categories": ["food"]}]}))
    assert home.memory("import", "--format", "mem0", str(other), user="mem0") == "imported 1 memories\n"
    assert "Likes jam (food)" in home.memory("list", user="mem0", columns=120)
    file.write_bytes(file.read_bytes()[:-20])
    home.failed(2, "memory", "import", str(file), "--user", "other", says="nothing was imported")
    home.failed(1, "memory", "list", "--user", "other", says="nothing was ever remembered")
    assert home.memory("forget", "1", "--yes") == "forgot 1 memories; no text of them is left\n"
    assert b"Pixel" in (home.folder / "echorator" / "memory" / "memory.db").read_bytes()  # of the copy
    home.memory("forget", "--everything", "--yes", user="copy")
    assert b"Pixel" not in (home.folder / "echorator" / "memory" / "memory.db").read_bytes()


def test_labels_and_filters(home: Home) -> None:
    home.memory(
        "add", "It rained in Oslo.", "--metadata", "project=heron", "--metadata", "n=3", "--metadata", "live=true", "--category", "Work"
    )
    home.memory("add", "It snowed in Lima.", "--metadata", "project=owl", "--expires", "2999-01-01", "--standing")
    home.memory("add", "It hailed in Rome.", "--expires", "2020-01-01")
    assert re.search(r"rained in Oslo\. \(work\) *\n.*snowed in Lima\. \(expires 2999-01-01\)\n$", home.memory("list", columns=120))
    shown = home.memory("show", "1", columns=120)
    assert 'live = true, n = 3, project = "heron"' in shown
    either = '{"any": [{"categories": ["work"]}, {"metadata": [{"name": "project", "equals": "owl"}]}]}'
    for options, words in (
        (("--metadata", "n=3"), ["rained"]),
        (("--metadata", 'n="3"'), []),
        (("--category", "work", "--category", "x"), ["rained"]),
        (("--act", "tells", "--source", "api", "--where", either), ["rained", "snowed"]),
        (("--where", '{"none": [{"metadata": [{"name": "n"}]}]}'), ["snowed"]),
    ):
        for action in (("list",), ("search", "weather in Oslo")):
            found = json.loads(home.memory(*action, *options, "--output", "json")).get("memories", [])
            texts = [one.get("memory", one)["text"] for one in found]
            assert sorted(text.split()[1] for text in texts) == words
    home.failed(2, "memory", "list", "--user", "ann", "--metadata", "x", says="write NAME=VALUE")
    home.failed(2, "memory", "list", "--user", "ann", "--where", '{"foo": 1}', says="--where is no filter")
    home.failed(2, "memory", "list", "--user", "ann", "--where", '{"text": "*"}', says="a search begins with a word")
    assert home.memory("consolidate").startswith("erased 1 expired, merged 0")
    assert home.memory("forget", "--category", "work", "--yes") == "forgot 1 memories; no text of them is left\n"


def test_a_memory_is_changed_and_the_profile_shows_what_holds(home: Home) -> None:
    home.memory("add", "My dog is called Pixel.", "Speak of ships.")
    assert re.search(r" Pixel +\d{4}-\d\d-\d\d +1\b", home.memory("profile", columns=120))
    changed = home.memory("update", "1", "--text", "My dog is called Rex.", "--pin", "--category", "Pets", "--metadata", "n=3", columns=120)
    assert "My dog is called Rex." in changed
    assert "pinned" in changed
    assert re.search(r"updated: text was 'My dog is called Pixel.'", changed)
    home.memory("update", "2", "--standing", "--expires", "2999-01-01")
    told = home.memory("profile", columns=120)
    assert re.search(r" Rex +\d{4}-\d\d-\d\d +1\b", told)
    assert "always: Speak of ships. (2)" in told
    unlabelled = home.memory("update", "1", "--unpin", "--remove-category", "pets", "--metadata", "n=null", "--output", "json")
    left = json.loads(unlabelled)
    assert (left["pinned"], left["categories"], left.get("metadata", {})) == (False, [], {})
    home.memory("update", "2", "--not-standing", "--expires", "never")
    assert "always" not in home.memory("profile")
    home.memory("update", "1", "--valid-until", "2026-01-01")
    assert home.nothing("profile") == "nothing is known\n"
    home.memory("update", "1", "--valid-until", "never", "--archive")
    assert "Rex" not in home.memory("list")
    home.memory("update", "1", "--restore", "--kind", "procedural", "--importance", "0.9")
    assert re.search(r"procedural +1 +My dog is called Rex.", home.memory("list", columns=120))
    home.failed(2, "memory", "update", "1", "--user", "ann", says="nothing is to be changed")
    home.failed(2, "memory", "update", "1", "--user", "ann", "--pin", "--unpin", says="not allowed with")


def test_the_graph_of_names_is_shown(home: Home) -> None:
    home.memory("add", "We met Anna and Berta at the harbour.", "They saw Carl play.")
    shown = home.memory("graph")
    assert re.search(r"anna +together +berta +1", shown)
    assert "carl (1)" in shown
    assert "berta" not in home.memory("graph", "--about", "carl")
    assert home.nothing("graph", "--speaker", "nobody") == "no names\n"


def test_upkeep(home: Home) -> None:
    home.memory("add", "My jam is plum.", "So my jam is plum.", "It rained in Oslo.")
    assert home.memory("consolidate", "--dry-run").startswith("would merge 1, summarise into 0,")
    assert home.memory("consolidate").startswith("merged 1, summarised into 0, archived 0, purged 0")
    assert home.out("memory", "check") == "3 memories, all clean\n"
    assert "ann" in home.out("memory", "stats")
    state = home.memory("state", columns=120)
    assert "2 active" in state
    assert "resonance" in state
    assert home.memory("goals", "learn to sail") == "learn to sail\n"
    assert home.memory("goals") == "learn to sail\n"
    home.failed(2, "memory", "goals", "--user", "ann", "--clear", "rest", says="--clear to have none")
    assert home.nothing("goals", "--clear") == home.nothing("goals") == "no goals\n"
    assert "rained" in home.memory("patterns")


def test_the_map_is_drawn_in_three_formats(home: Home) -> None:
    home.memory("add", *(f"<b>Thing {i}</b> & more." for i in range(5)))
    svg, page, png = (home.folder / f"map.{ending}" for ending in ("svg", "html", "png"))
    for file in (svg, page, png):
        home.memory("map", str(file))
    circles = ElementTree.fromstring(svg.read_text()).findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 5
    assert "<b>Thing" not in page.read_text()
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    home.failed(2, "memory", "map", "--user", "ann", "map.gif", says=".svg, .html or .png")


@pytest.mark.slow
def test_mistakes_are_said_in_one_line(home: Home) -> None:
    home.memory("add", "x y")
    home.failed(2, "memory", "list", says="say whose memory: echorator memory list --user NAME")
    assert "x y" in home.out("memory", "--user", "ann", "list")
    home.failed(2, "memory", "nonsense", says="there is no action")
    home.failed(1, "memory", "show", "99", "--user", "ann", says="no memory 99")
    home.failed(2, "memory", "search", "x", "--user", "ann", "--since", "yesterday", says="write 2026-11-21")
    home.failed(1, "memory", "import", "/no/such/file", "--user", "ann", says="cannot read")
    home.failed(2, "memory", "forget", "--user", "ann", "--yes", says="or --everything")
    home.failed(2, "memory", "list", "--user", "ann", "--embedder", "nonsense", says="use hashed, minilm or a .gguf file")
    home.failed(Exit.RESOURCE, "memory", "list", "--user", "ann", "--memory", "/proc/none", says="cannot use")
    home.failed(Exit.UNAVAILABLE, "memory", "list", "--user", "ann", "--memory", "redis://127.0.0.1:1/0", says="does not answer")
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
        assert TELLS in home.out("memory", "list", "--user", "ann")  # of the server, which commands find by themselves
        home.failed(1, "serve", "--port", "0", "--with-memory", says=f"in use by process {process.pid}")
        with serving(home, "--memory-server", address) as (_, second):
            assert home.chat(ASKS, "ann", "--server", second) == ANSWER
            process.terminate()
            process.wait()
            done = home.run("chat", "--user", "ann", "--server", second, ASKS)
            assert done.returncode == 69
            assert "memory did not answer" in done.stderr
            assert home.out("chat", "--temperature", "0", "--server", second, ASKS) == UNKNOWN


@pytest.mark.slow
def test_changes_are_printed_as_they_happen(home: Home) -> None:
    with serving(home, "--with-memory") as (_, address):
        home.memory("add", TELLS, "--server", address)
        command = (*COMMAND, "memory", "watch", "--server", address)
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=home.environment())
        assert watching.stdout is not None
        try:
            assert watching.stdout.readline().endswith(" UTC ann remembered memory 1\n")
            home.memory("update", "1", "--pin", "--server", address)
            assert watching.stdout.readline().endswith(" UTC ann updated memory 1: pinned was False\n")
        finally:
            watching.kill()
            watching.communicate()


class Receiver(BaseHTTPRequestHandler):
    """Answers posts with the statuses in `statuses`, and then with 200; keeps what it accepted."""

    statuses: ClassVar[list[int]] = []
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    more = threading.Condition()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.more:
            status = self.statuses.pop(0) if self.statuses else 200
            self.got.append(({name.lower(): value for name, value in self.headers.items()} | {"status": str(status)}, body))
            self.more.notify_all()
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.slow
def test_changes_are_posted_until_they_have_arrived(home: Home) -> None:
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    secret, cursor = home.folder / "secret", home.folder / "cursor"
    secret.write_text("s3cret\n")
    Receiver.statuses[:], Receiver.got[:] = [500, 200, 503], []
    url = f"http://127.0.0.1:{receiver.server_port}/changes"

    def until(count: int, detail: str = "") -> None:
        with Receiver.more:
            assert Receiver.more.wait_for(lambda: sum(detail.encode() in body for _, body in Receiver.got) >= count, TIMEOUT_S)

    with serving(home, "--with-memory") as (_, address):
        home.memory("add", "It rained.", "It snowed.", "--server", address)
        options = ("--post", url, "--secret-file", str(secret), "--cursor-file", str(cursor), "--server", address)
        watching = subprocess.Popen((*COMMAND, "memory", "watch", *options), stderr=subprocess.PIPE, text=True, env=home.environment())
        try:
            until(4)  # refused, accepted; refused, accepted
        finally:
            watching.kill()
            _, said = watching.communicate()
        assert "answers with status 500; trying again in" in said
        ids = [headers["x-echorator-event"] for headers, _ in Receiver.got]
        assert ids[0] == ids[1] != ids[2] == ids[3], "a repeat has the id of the first attempt"
        for headers, body in Receiver.got:
            signed = hmac.new(b"s3cret", headers["x-echorator-timestamp"].encode() + b"." + body, "sha256").hexdigest()
            assert headers["x-echorator-signature"] == f"sha256={signed}"
        changes = [json.loads(body)["change"] for headers, body in Receiver.got if headers["status"] == "200"]
        assert [change["memory_id"] for change in changes] == ["1", "2"]
        home.memory("update", "1", "--pin", "--server", address)
        Receiver.got[:] = []
        done = subprocess.Popen((*COMMAND, "memory", "watch", *options), stderr=subprocess.PIPE, text=True, env=home.environment())
        try:
            until(1, "pinned was False")
            Receiver.statuses[:] = [410]
            home.memory("update", "1", "--unpin", "--server", address)
            _, said = done.communicate(timeout=TIMEOUT_S)
        finally:
            done.kill()
        assert (done.returncode, "wants no more changes (status 410)" in said) == (1, True)
        told = [json.loads(body)["change"] for _, body in Receiver.got]
        assert told[-1]["detail"] == "pinned was True"
        assert [change["action"] for change in told if change["memory_id"] == "1"][-2:] == ["updated", "updated"]
        assert len(told) <= 3, "what had arrived before is posted at most once more"
    receiver.shutdown()
    receiver.server_close()


def test_a_server_without_a_memory_says_so(home: Home) -> None:
    with serving(home) as (_, address):
        home.failed(1, "memory", "list", "--user", "ann", "--server", address, says="start it with `echorator serve --with-memory`")
        home.failed(2, "chat", "--user", "ann", "--server", address, "hi", says="start it with --with-memory")
