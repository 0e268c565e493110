"""The commands of the guides that run on one machine, word for word and in their order.

Those of the guide for Kubernetes are run by tests/kube/test_readme.py, the Node and Go lines of the mesh guide by
tests/controller/test_xds_languages.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.written_commands import ROOT, commands_in, marked, typed

ELSEWHERE = ("kubernetes-", "mcp-", "xds-")
RUN = r"<!-- run: ([\w.-]+) -->"
END = "kill $(jobs -p)\nwait\n"


class Guide:
    """One page: its blocks, what they printed, and the files that they left."""

    def __init__(self, page: str, folder: Path) -> None:
        self.step = {name: text for name, text in marked(page, RUN).items() if not name.startswith(ELSEWHERE)}
        self.folder = folder
        commands_in(folder)
        for name, text in self.step.items():
            if "." in name:
                (folder / name).write_text(text)

    def type(self, *lines: str, ports: tuple[int, ...]) -> str:
        """Run the lines, of which each is the name of a block or a command of the test's own; return all output."""
        script = "".join(self._lines(line) for line in lines)
        code, output = typed(self.folder, script, ports)
        logs = "".join(f"\n{log.name}: {log.read_text()}" for log in sorted(self.folder.glob("*.log")))
        assert code == 0, output + logs
        return output

    def _lines(self, line: str) -> str:
        if line not in self.step:
            return f"{line}\n"
        text = self.step[line] if not line.endswith(".py") else f"python {line}\n"
        return f"{{ {text.rstrip()}\n}} > {line}.txt\n"

    def printed(self, name: str) -> str:
        """Return what a block printed."""
        return (self.folder / f"{name}.txt").read_text()


@pytest.mark.needs("grpcurl", "free ports")
def test_getting_started(tmp_path: Path) -> None:
    guide = Guide("docs/getting-started.md", tmp_path)
    assert list(guide.step) == ["first-answer", "remembered", "serve", "ask", "client.py", "grpcurl"]
    guide.type("first-answer", "remembered", "serve", "ask", "client.py", "grpcurl", END, ports=(50051,))
    assert guide.printed("first-answer").strip()
    assert "Pixel" in guide.printed("remembered").splitlines()[-1]
    asked = guide.printed("ask")
    assert "echo-nano" in asked
    assert "embedding" in asked
    assert "My dog is called Pixel." in asked
    assert guide.printed("client.py").strip()
    assert '"text":' in guide.printed("grpcurl")


@pytest.mark.needs("free ports")
def test_one_machine(tmp_path: Path) -> None:
    guide = Guide("docs/guides/one-machine.md", tmp_path)
    assert list(guide.step) == ["up", "model.yaml", "models", "every-day", "calculator.py", "sums.yaml", "sums"]
    sums, sent = guide.step["sums"].splitlines()
    guide.type("up", "models", "every-day", sums, "listening 50060", f"{sent} > sent.txt", END, ports=(50050, 50052, 50060, 8080))
    shown = guide.printed("models")
    assert "3/3" in shown
    assert "Ready" in shown
    assert "`up` runs as process" in guide.printed("every-day")
    assert "complete" in (tmp_path / "completion.sh").read_text()
    assert (tmp_path / "sent.txt").read_text().strip() == "42"


@pytest.mark.needs("grpcurl", "free ports")
def test_memory(tmp_path: Path) -> None:
    guide = Guide("docs/guides/memory.md", tmp_path)
    assert list(guide.step) == ["chat", "http", "labels", "memory", "changes", "upkeep"]
    served = ("echorator serve --with-memory > serve.log &", "until grep -q listening serve.log; do sleep 0.1; done")
    guide.type(*served, "chat", "kill $!", "wait $!", "memory", "changes", "labels", "upkeep", ports=(50051,))
    assert '"text":' in guide.printed("chat")
    assert guide.printed("memory").count("My dog is called Pixel.") >= 2
    exported = [json.loads(line) for line in (tmp_path / "ann.jsonl").read_text().splitlines()]
    assert {"My dog is called Pixel.", "I live in Graz."} <= {line.get("text") for line in exported}
    assert "<svg" in (tmp_path / "map.html").read_text()
    up = ("echorator up > up.log &", "listening 8080", "echorator status --wait 60 > status.txt")
    guide.type(*up, "http", END, ports=(50050, 50052, 8080))
    assert guide.printed("http").count("My cat is called Mia.") >= 3


@pytest.mark.needs("grpcurl", "free ports")
def test_mesh(tmp_path: Path) -> None:
    guide = Guide("docs/guides/mesh.md", tmp_path)
    assert list(guide.step) == ["roles", "models", "ask.py", "bootstrap", "openai_client.py", "look"]
    ready = ("listening 50050", "listening 8080")
    guide.type("roles", *ready, "models", "bootstrap", "openai_client.py", "look", END, ports=(50050, 50052, 50061, 50062, 8080))
    assert "nano" in guide.printed("models")
    assert guide.printed("bootstrap").strip(), "the client printed an answer"
    assert guide.printed("openai_client.py").strip()
    assert "SERVING" in guide.printed("look")


@pytest.mark.needs("free ports")
def test_telemetry(tmp_path: Path) -> None:
    guide = Guide("docs/guides/telemetry.md", tmp_path)
    assert list(guide.step) == ["metrics", "logs"]
    read = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    said = guide.type("metrics", "listening 9464", f'python -c "{read}"', END, ports=(50071, 9464))
    assert 'echorator_agent_slots{model="echo-nano"}' in said
    up = ("echorator up > up.log &", "listening 8080", "echorator status --wait 60 > status.txt")
    guide.type(*up, "logs", END, ports=(50050, 50052, 8080))
    assert "agent started" in guide.printed("logs")


def test_model_files(tmp_path: Path) -> None:
    guide = Guide("docs/guides/model-files.md", tmp_path)
    assert list(guide.step) == ["model-store"]
    guide.type("model-store", ports=())


def test_every_page_with_commands_to_run_has_a_test() -> None:
    pages = {page for page in (ROOT / "docs").rglob("*.md") if any(not n.startswith(ELSEWHERE) for n in marked(str(page), RUN))}
    tested = {"getting-started", "one-machine", "memory", "mesh", "telemetry", "model-files"}
    tested |= {"client"}  # by tests/client
    tested |= {"openai", "responses", "anthropic"}  # by tests/gateway/http/test_client_guides.py
    assert {page.stem for page in pages if "reference" not in page.parts} == tested
