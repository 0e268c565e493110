"""Every sampling parameter, and the places that have to know it: a place that was forgotten is named here.

`Sampling` declares the parameters with their ranges. From there one goes by the proto, the agent's reading of requests, the bodies of the
HTTP API and their translation, the native engine and its sampler, and, unless a reason is given here, by the parameters that a model file
of Ollama may bring and by the options of `echorator chat`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from echorator.agent.loading.model_defaults import defaults_of
from echorator.agent.requests import sampling_of
from echorator.cli.echorator.models import chat
from echorator.cli.main import parser
from echorator.gateway.http.bodies import ChatCompletion, Completion
from echorator.gateway.http.translation import chat_request, generate_requests
from echorator.model_files.puller import Image
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import Sampling

ROOT = Path(__file__).resolve().parent.parent
VOCABULARY = 100
NAMES = [f.name for f in fields(Sampling)]

IN_C = {"dry_sequence_breakers": "dry_breakers", "logit_bias": "bias"}  # other names in the engine's C++
NOT_OF_A_MODEL_FILE = {  # why a model file of Ollama cannot bring it
    **dict.fromkeys((name for name in NAMES if name.startswith(("dry_", "xtc_"))), "Ollama has no such sampler"),
    **dict.fromkeys(("logit_bias", "grammar"), "it belongs to one request"),
}
OLLAMAS = {"penalty_last_n": "repeat_last_n"}  # other names in a model file
# Valid values that are not the defaults, exact as 32-bit floats.
OTHER: dict[str, Any] = {
    "temperature": 0.5,
    "top_k": 7,
    "top_p": 0.5,
    "min_p": 0.25,
    "typical_p": 0.5,
    "repeat_penalty": 1.5,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.25,
    "penalty_last_n": 8,
    "dry_multiplier": 0.5,
    "dry_base": 2.0,
    "dry_allowed_length": 3,
    "dry_penalty_last_n": 16,
    "dry_sequence_breakers": ("a", "b"),
    "xtc_probability": 0.5,
    "xtc_threshold": 0.25,
    "mirostat": 2,
    "mirostat_tau": 4.0,
    "mirostat_eta": 0.5,
    "seed": 11,
    "logit_bias": ((3, 1.5),),
    "grammar": 'root ::= "x"',
}


def plain(name: str) -> Any:
    """The other value as JSON has it."""
    value = OTHER[name]
    return {str(token): bias for token, bias in value} if name == "logit_bias" else list(value) if isinstance(value, tuple) else value


def message_of(name: str) -> pb.Sampling:
    value = OTHER[name]
    given: dict[str, Any] = {name: dict(value) if name == "logit_bias" else value}
    return pb.Sampling(**given)


def changed(made: Sampling) -> dict[str, Any]:
    return {name: getattr(made, name) for name in NAMES if getattr(made, name) != getattr(Sampling(), name)}


def lacking(name: str) -> Iterator[str]:
    """The places that lack a parameter, in words; what each place does with it is tested below."""
    called = IN_C.get(name, name)
    pyx, header = ((ROOT / "_native" / file).read_text("utf-8") for file in ("engine.pyx", "sampler.hpp"))
    if name not in pb.Sampling.DESCRIPTOR.fields_by_name:
        yield "model.proto: Sampling has no such field"
    for body in (ChatCompletion, Completion):
        if name not in body.model_fields:
            yield f"the HTTP API: {body.__name__} has no such field"
    if not re.search(rf"\b(s|sampling)\.{name}\b", pyx):
        yield f"_native/engine.pyx: nothing reads sampling.{name}"
    if not re.search(rf"\b(to|args\.sampling)\.{called}\b", pyx):
        yield f"_native/engine.pyx: nothing sets {called} of SamplingParams"
    if not re.search(rf"\bparams_\.{called}\b", header):
        yield f"_native/sampler.hpp: the sampler does not read params_.{called}"


@pytest.mark.parametrize("name", NAMES)
def test_no_place_lacks_a_parameter(name: str) -> None:
    missing = list(lacking(name))
    assert not missing, f"{name} is missing in {len(missing)} places: {'; '.join(missing)}"


def test_no_place_has_a_parameter_of_its_own() -> None:
    others = {"json_schema", "json_object", "logit_bias_texts"}  # become a grammar, and biases of tokens
    assert set(pb.Sampling.DESCRIPTOR.fields_by_name) - others == set(NAMES)
    assert set(OTHER) == set(NAMES)
    assert set(NOT_OF_A_MODEL_FILE) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_sets_a_parameter(name: str) -> None:
    assert changed(sampling_of(message_of(name), VOCABULARY, {})) == {name: OTHER[name]}


@pytest.mark.parametrize("name", NAMES)
def test_the_http_api_sets_a_parameter(name: str) -> None:
    chat_body = ChatCompletion.model_validate({"messages": [{"role": "user", "content": "hi"}], name: plain(name)})
    body = Completion.model_validate({"prompt": "hi", name: plain(name)})
    assert chat_request(chat_body).sampling == message_of(name)
    assert generate_requests(body)[0]().sampling == message_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_file_of_ollama_sets_a_parameter(name: str) -> None:
    image = Image("m", Path(), params=json.dumps({OLLAMAS.get(name, name): plain(name)}))
    found = {} if name in NOT_OF_A_MODEL_FILE else {name: OTHER[name]}
    assert defaults_of(image).sampling == found
    assert changed(sampling_of(pb.Sampling(), VOCABULARY, found)) == found


@pytest.mark.parametrize("name", chat.SAMPLING)
def test_an_option_of_the_chat_sets_a_parameter(name: str) -> None:
    arguments = parser().parse_args(["chat", f"--{name.replace('_', '-')}", str(OTHER[name])])
    assert getattr(arguments, name) == OTHER[name]
