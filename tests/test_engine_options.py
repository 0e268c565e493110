"""Every option of an engine, and the places that have to know it: a place that was forgotten is named here.

`EngineSettings` declares the options with their ranges and choices. From there an option goes by the engine's code, by the command line,
and, unless `LOCAL` says why not, by the proto, by the spec of the Model resource and by its CRD.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from echorator.agent.requests import engine_settings_of
from echorator.cli.options.engine import add_engine_options, engine_settings
from echorator.kube.install.crd import definition
from echorator.model_resource.mesh_spec import mesh_spec
from echorator.model_resource.schema import check
from echorator.model_resource.spec import EngineSpec, ModelSpec
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import ENGINE_CHOICES, ENGINE_RANGES, MOST_ADAPTERS, MOST_TENSOR_SPLITS, EngineSettings, Lora

ROOT = Path(__file__).resolve().parent.parent

# These suit the machine that an agent runs on, so only the agent's command line has them: neither a call nor a Model resource sets them.
LOCAL = {
    "ubatch_tokens": "what llama.cpp computes at once suits a machine, not a model",
    "cache_sequences": "how much an agent keeps beside its slots",
    "swa_full": "memory against speed on one machine",
    "offload_kqv": "where a GPU's memory goes",
    "mmap": "how a machine reads files",
    "mlock": "a right of the process",
    "repack": "memory against speed on one machine",
    "stall_factor": "how an agent divides its steps",
    "step_limit_s": "when a machine's probes restart it",
    "child_timeout_s": "how long a machine's child processes may take",
    "messages_per_s": "what a machine can send",
    "memory_check": "whether an agent looks at its machine's memory",
    "priority_wait_s": "how an agent divides its slots",
}
# Python's part of a served model reads these; the native engine reads all others.
READ_IN_PYTHON = ("memory_check", "step_limit_s", "child_timeout_s", "control_tokens_in_messages", "chat_template", "request_templates")
# A valid value that is not the default.
OTHER: dict[str, Any] = {
    **{name: int(allowed.low) + 9 if isinstance(allowed.low, int) else allowed.low + 3.5 for name, allowed in ENGINE_RANGES.items()},
    **{name: choices[-1] for name, choices in ENGINE_CHOICES.items()},
    "tensor_split": (3.0, 1.0),
    "chat_template": "chatml",
}
DEFAULTS = EngineSettings(Path("m.gguf"))
OPTIONS = [f.name for f in fields(EngineSettings) if f.name != "path"]
SHARED = [name for name in OPTIONS if name not in LOCAL]


def other(name: str) -> Any:
    default = getattr(DEFAULTS, name)
    return not default if isinstance(default, bool) else OTHER[name]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_engine_options(made)
    return made


def by_command(name: str) -> EngineSettings:
    flag, value = f"--{name.replace('_', '-')}", other(name)
    if isinstance(value, bool):
        given = [flag if value else f"--no-{name.replace('_', '-')}"]
    else:
        given = [flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return engine_settings(parser().parse_args(given), Path("m.gguf"))


def crd_of_engine() -> dict[str, Any]:
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = schema["properties"]["spec"]["properties"]["engine"]["properties"]
    return found


def alias_of(name: str) -> str:
    return EngineSpec.model_fields[name].alias or name


def lacking(name: str) -> Iterator[str]:
    """The places that lack an option, in words."""
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "_native").glob("*.pyx"))
    if name in READ_IN_PYTHON:
        source = "\n".join(path.read_text("utf-8") for path in (ROOT / "echorator" / "agent").rglob("*.py"))
    if not re.search(rf"\bsettings\.{name}\b", source):
        yield f"{'echorator/agent' if name in READ_IN_PYTHON else '_native/engine.pyx'}: nothing reads settings.{name}"
    actions = {action.dest: action for action in parser()._actions}
    if name not in actions:
        yield f"echorator/cli: there is no --{name.replace('_', '-')}"
    elif not re.match(r"[a-zA-Z]", actions[name].help or ""):
        yield f"echorator/cli: --{name.replace('_', '-')} has no help text"
    if name in LOCAL:
        return
    if name not in pb.EngineOptions.DESCRIPTOR.fields_by_name:
        yield "model.proto: EngineOptions has no such field"
    if name not in EngineSpec.model_fields:
        yield "EngineSpec has no such field"
    elif alias_of(name) not in crd_of_engine():
        yield "the CRD's spec.engine has no such property"


@pytest.mark.parametrize("name", OPTIONS)
def test_no_place_lacks_an_option(name: str) -> None:
    missing = list(lacking(name))
    assert not missing, f"{name} is missing in {len(missing)} places: {'; '.join(missing)}"


def test_no_place_has_an_option_of_its_own() -> None:
    assert set(LOCAL) <= set(OPTIONS)
    assert set(READ_IN_PYTHON) <= set(OPTIONS)
    assert set(pb.EngineOptions.DESCRIPTOR.fields_by_name) == set(SHARED)
    assert set(EngineSpec.model_fields) == set(SHARED)
    assert set(crd_of_engine()) == {alias_of(name) for name in SHARED}
    assert {action.dest for action in parser()._actions} - {"help"} == set(OPTIONS)


def test_every_option_stands_in_a_group_of_the_help() -> None:
    assert "further" not in {group.title for group in parser()._action_groups}


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "lora"])
def test_the_command_line_sets_an_option(name: str) -> None:
    made = by_command(name)
    assert getattr(made, name) == other(name) != getattr(DEFAULTS, name)
    assert [n for n in OPTIONS if getattr(made, n) != getattr(DEFAULTS, n)] == [name]


@pytest.mark.parametrize("name", [name for name in SHARED if name != "lora"])
def test_a_model_resource_sets_an_option_of_the_agent(name: str) -> None:
    """From the YAML by the controller's message to what the agent loads with."""
    spec = check(ModelSpec, {"image": "m", "engine": {alias_of(name): other(name)}})
    made = engine_settings_of(mesh_spec("m", "m", spec).options, DEFAULTS)
    assert getattr(made, name) == other(name) != getattr(DEFAULTS, name)
    assert [n for n in OPTIONS if getattr(made, n) != getattr(DEFAULTS, n)] == [name]


def test_a_model_resource_sets_adapters_of_the_agent() -> None:
    spec = check(ModelSpec, {"image": "m", "engine": {"lora": [{"image": "a", "scale": 0.5, "name": "n"}]}})
    options = mesh_spec("m", "m", spec).options
    assert [lora.source for lora in options.lora] == ["a"]
    assert engine_settings_of(options, DEFAULTS).lora == (Lora(Path(), 0.5, "n"),)


def test_the_crd_has_the_ranges_and_choices_of_the_settings() -> None:
    """kubectl refuses at once what an agent would refuse later, and takes what it takes."""
    schema = {name: crd_of_engine()[alias_of(name)] for name in SHARED}
    for name, allowed in ENGINE_RANGES.items():
        if name in SHARED:
            assert (schema[name]["minimum"], schema[name]["maximum"]) == (allowed.low, allowed.high), name
    for name, choices in ENGINE_CHOICES.items():
        assert schema[name]["enum"] == list(choices), name
    assert schema["tensor_split"]["maxItems"] == MOST_TENSOR_SPLITS
    assert schema["lora"]["maxItems"] == MOST_ADAPTERS
