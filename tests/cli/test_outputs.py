"""Every command that lists or shows something, in every form: its JSON is what docs/reference/vocabulary.md says, YAML and names say the
same, and in a pipe nothing is cut."""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from google.protobuf.json_format import ParseDict

from docs.generators.commands import below
from echorator.agent.loading.embedded import embedded_model
from echorator.cli.main import parser
from echorator.cli.options import kollama
from echorator.cli.output.rendering import document_of
from echorator.rpc.v1 import cognition_pb2, controller_pb2, model_pb2
from tests.cli.up import MODEL, Up
from tests.support.commands import COMMAND, echorator, failed
from tests.support.mesh import Mesh
from tests.support.models.servers import bad_server

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "vocabulary.md"
LONG = "a-model-whose-name-is-as-long-as-the-name-of-a-model-may-ever-be"[:63]
SAYING = "My dog is called Pixel, and this sentence about it is much longer than any terminal of eighty columns is wide."
TEXT, TEXTS, NUMBER = {"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "number"}
STORED = {"source": TEXT, "digest": TEXT, "sizeBytes": {"type": "string", "pattern": "^[0-9]+$"}}


def whole(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """The schema of an object that has these properties and no others."""
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def several(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": whole(properties)}


LOAD = {"says": TEXT, "busy": NUMBER, "slots": NUMBER, "queued": NUMBER, "tokensPerS": NUMBER}
RESOURCE: dict[str, Any] = {
    "type": "object",
    "properties": {"apiVersion": TEXT, "kind": TEXT, "metadata": {"type": "object", "required": ["name"]}, "spec": {"type": "object"}},
    "required": ["apiVersion", "kind", "metadata", "spec"],
}
LIST = whole({"apiVersion": {"const": "v1"}, "kind": {"const": "List"}, "items": {"type": "array", "items": RESOURCE}})
STATUS = whole(
    {
        **{"controller": TEXT, "gateway": TEXT, "http": TEXT, "memory": {"type": "boolean"}},
        "models": several({"name": TEXT, "phase": TEXT, "ready": NUMBER, "replicas": NUMBER, **LOAD}),
        "agents": several({"id": TEXT, "state": TEXT, "models": TEXTS, "restarts": NUMBER, **LOAD}),
        "waiting": {"type": ["number", "null"]},
    },
    *("controller", "gateway", "http", "memory"),
)
HISTORY = {"history": several({"at": TEXT, "resource": TEXT, "text": TEXT})}
DESCRIBED = {**RESOURCE, "properties": RESOURCE["properties"] | HISTORY, "required": [*RESOURCE["required"], "history"]}
LAYERS = several({"type": TEXT, "digest": TEXT, "sizeBytes": TEXT})
SCHEMAS: dict[str, dict[str, Any]] = {
    "status": STATUS,
    "describe": DESCRIBED,
    "kollama deploy": RESOURCE,
    "pull": whole({"models": several({**STORED, "path": TEXT})}),
    "models list": whole({"models": several({**STORED, "pulled": TEXT, "store": TEXT})}),
    "models suggest": whole(
        {"models": several(dict.fromkeys(("source", "purpose", "parameters", "sizeBytes", "memoryBytes", "licence", "note"), TEXT))}
    ),
    "logs": whole({"logs": several(dict.fromkeys(("agent", "model", "sizeBytes", "written", "path"), TEXT))}),
    "doctor": whole({"findings": several(dict.fromkeys(("what", "state", "says", "todo"), TEXT))}),
    "config": whole({"options": several({"commands": TEXTS, "option": TEXT, "value": {}, "from": TEXT})}),
    "models show": whole({**STORED, "pulled": TEXT, "store": TEXT, "layers": LAYERS, "metadata": {"type": "object"}}),
}


@dataclass(frozen=True)
class Case:
    """A command, its words, and a text that it shows to people whole."""

    command: str
    words: Sequence[str]
    shows: str = ""
    schema: dict[str, Any] | None = None


def documented() -> dict[str, str]:
    """What the page says of each command's JSON."""
    section = PAGE.read_text("utf-8").partition("## JSON")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for commands, text in re.findall(r"^\| (`.*`) \| (.*) \|$", section, re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"`([^`]*)`", commands), text)
    return found


def with_output() -> dict[str, argparse.Action]:
    """The option --output of each command that has it."""
    found = {}
    for top in (parser(), kollama.parser()):
        for made in below(top):
            for action in made._actions:
                if "--output" in action.option_strings:
                    found[made.prog.removeprefix("echorator ")] = action
    return found


def test_every_command_with_an_output_is_documented() -> None:
    assert set(documented()) == set(with_output())
    assert {tuple(action.option_strings) for action in with_output().values()} == {("-o", "--output")}
    known = {"table", "wide", "json", "yaml", "name", "text"}
    assert {str(form) for action in with_output().values() for form in action.choices or ()} == known


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Case]]:
    """What the commands ask is running; yields a case of each command, in an order in which each finds what it needs."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "sums.py").write_text("def add(value):\n    return {'sum': sum(value)}\n")
    worker = 'apiVersion: echorator.dev/v1\nkind: Container\nmetadata: {name: sums}\nspec: {worker: "sums:add"}\n'
    up = Up(folder, "--workers", str(folder), manifest=f"{MODEL.replace('name: nano', f'name: {LONG}')}---\n{worker}")
    with Mesh(tmp_path_factory.mktemp("mesh")) as mesh, bad_server({f"/{LONG}.gguf": embedded_model().read_bytes()}) as files:
        mesh.agent("a")
        try:
            up.start().ready()
            yield [*cases(up, mesh, files.source(f"/{LONG}.gguf"), folder)]
        finally:
            up.process.end()


def cases(up: Up, mesh: Mesh, source: str, folder: Path) -> Iterator[Case]:
    controller, models = up.server, ("--server", f"127.0.0.1:{up.port}")
    yield Case("status", ("status", *controller), LONG)
    yield Case("models", ("models", *models), LONG)
    yield Case("embed", ("embed", "a dog", "--dimensions", "4", *models))
    yield Case("get", ("get", "models", *controller), LONG, LIST)
    yield Case("get", ("get", "all", *controller), f"model/{LONG}", LIST)
    yield Case("get", ("get", "model", LONG, *controller), LONG, RESOURCE)
    yield Case("get", ("get", LONG, *controller), LONG, RESOURCE)
    yield Case("describe", ("describe", "model", LONG, *controller), LONG)
    yield Case("mesh models", ("mesh", "models", *controller), LONG)
    yield Case("mesh agents", ("mesh", "agents", *controller), f"{LONG} (ready)")
    yield Case("cluster send", ("cluster", "send", "--container", "sums", "[2, 3]", *controller), schema=whole({"sum": NUMBER}))
    at = ("--server", mesh.address)
    yield Case("mesh apply", ("mesh", "apply", LONG, "--source", "echo-nano", "--replicas", "0", *at), LONG)
    yield Case("mesh scale", ("mesh", "scale", LONG, "0", *at), LONG)
    yield Case("mesh drain", ("mesh", "drain", "a", *at), "Draining")
    store = ("--models", str(folder / "models"))
    yield Case("pull", ("pull", source, *store), source.partition("#")[0])
    yield Case("models list", ("models", "list", *store), LONG)
    yield Case("models show", ("models", "show", source, *store), LONG)
    yield Case("models suggest", ("models", "suggest", "--all"), "Apache-2.0")
    yield Case("logs", ("logs", "--data", str(up.data)), LONG)
    yield Case("doctor", ("doctor",), "llama.cpp")
    yield Case("config", ("config",))
    yield Case("kollama deploy", ("kollama", "deploy", "phi", "--dry-run", "client"), "model/phi created")
    user = ("--user", "ann", *models)
    yield Case("memory add", ("memory", "add", SAYING, *user), "remembered")
    yield Case("memory search", ("memory", "search", "dog", *user), SAYING)
    yield Case("memory list", ("memory", "list", *user), SAYING)
    yield Case("memory show", ("memory", "show", "1", *user), SAYING)
    yield Case("memory update", ("memory", "update", "1", "--pin", *user), SAYING)
    yield Case("memory profile", ("memory", *user, "profile"), "Pixel")
    yield Case("memory graph", ("memory", "graph", *user), "pixel")
    yield Case("memory import", ("memory", "import", str(exported(folder)), "--format", "mem0", *user), "imported")
    yield Case("memory consolidate", ("memory", "consolidate", "--dry-run", *user), "would merge")
    yield Case("memory check", ("memory", "check", *models), "all clean")
    yield Case("memory stats", ("memory", "stats", *models), "ann")
    yield Case("memory state", ("memory", "state", *user), "experiences")
    yield Case("memory patterns", ("memory", "patterns", *user))
    yield Case("memory goals", ("memory", "goals", "learn to sail", *user), "learn to sail")
    yield Case("memory forget", ("memory", "forget", "9999", "--yes", *user))


def exported(folder: Path) -> Path:
    (file := folder / "mem0.json").write_text(json.dumps({"results": [{"id": "1", "memory": "Likes jam"}]}))
    return file


def ran(commands: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    given = json.dumps([words if words[0] == "kollama" else ("echorator", *words) for words in commands])
    done = subprocess.run(
        (sys.executable, "-m", "tests.cli.run_commands"), input=given, capture_output=True, text=True, timeout=600, check=True
    )
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def message_named(name: str) -> Any:
    return next(getattr(module, name) for module in (model_pb2, controller_pb2, cognition_pb2) if hasattr(module, name))


def shape(value: Any) -> Any:
    """What is there, without the numbers and times that change between two calls."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.slow
def test_every_command_in_every_form(place: list[Case]) -> None:
    outputs = with_output()
    asked = [(case, str(form)) for case in place for form in outputs[case.command].choices or ()]
    results = ran([(*case.words, "-o", form) for case, form in asked])
    found: dict[int, dict[str, str]] = {}
    for (case, form), (code, out, err) in zip(asked, results, strict=True):
        assert code == 0, (case.words, form, err)
        found.setdefault(id(case), {})[form] = out
    pages = documented()
    for case in place:
        forms = found[id(case)]
        document = json.loads(forms["json"])
        if (schema := case.schema or SCHEMAS.get(case.command)) is not None:
            jsonschema.validate(document, schema)
        else:
            name = re.findall(r"`(\w+)`", pages[case.command])[0]
            assert document_of(ParseDict(document, message_named(name)())) == document, case.words
        if case.command not in ("memory add", "memory import"):  # each of them adds something
            assert shape(yaml.safe_load(forms["yaml"])) == shape(document), case.words
        for form in {"table", "wide"} & set(forms):
            assert case.shows in forms[form], (case.words, form)
            assert "…" not in forms[form], (case.words, form)
            assert not re.search(r" $", forms[form], re.MULTILINE), "no blanks at the ends of lines"
        if {"table", "wide"} <= set(forms) and case.command not in ("describe",):
            assert set(forms["table"].split("\n")[0].split()) <= set(forms["wide"].split("\n")[0].split()), case.words
        if "name" in forms and LONG in case.shows and case.command != "pull":  # which names files
            assert LONG in forms["name"], case.words
            assert all(" " not in line for line in forms["name"].splitlines()), case.words
    covered = {case.command for case in place} | {"watch", "memory watch", "mesh delete", "kollama list", "kollama status"}
    assert covered == set(outputs), "the others are in tests of their own"


@pytest.mark.slow
def test_looking_changes_nothing(place: list[Case]) -> None:
    changes = {"mesh apply", "mesh scale", "mesh drain", "pull", "kollama deploy", "memory add", "memory update", "memory import"}
    looking = [case.words for case in place if case.command not in changes]
    looking += [(*words[:2], *words[3:]) for words in looking if words[:2] == ("memory", "goals")]
    before, after = (ran(looking) for _ in range(2))
    used = re.compile(r"\d+ times, last|^.*\b(ms|runs|MEAN-MS)\b.*$|\d+[smhd]\b|in focus.*|\d+\.\d+", re.MULTILINE)
    for words, first, second in zip(looking, before, after, strict=True):
        if words[:2] != ("memory", "state") and words[:2] != ("memory", "list"):  # they count how often memories were used
            assert used.sub("", first[1]).split() == used.sub("", second[1]).split(), words


@pytest.mark.slow
def test_what_goes_on_is_a_line_for_each_change(place: list[Case]) -> None:
    controller = next(case.words for case in place if case.command == "status")[1:]
    models = next(case.words for case in place if case.command == "models")[1:]
    for words, key in ((("watch", "models", *controller), "object"), (("memory", "watch", *models), "change")):
        process = subprocess.Popen((*COMMAND, *words, "-o", "json"), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert key in json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130


@pytest.mark.slow
def test_an_up_is_changed_by_its_own_commands(place: list[Case]) -> None:
    at = next(case.words for case in place if case.command == "status")[1:]
    for words, says in (
        (("mesh", "apply", "foo", "--source", "echo-nano"), "echorator apply -f FILE"),
        (("mesh", "scale", LONG, "3"), f"echorator scale model {LONG} 3"),
        (("mesh", "delete", LONG), f"echorator delete model {LONG}"),
    ):
        failed(echorator(*words, *at), 1, "this controller belongs to an `echorator up`", says)
    assert echorator("scale", LONG, "1", *at).stdout == f"model/{LONG} scaled to 1\n"
