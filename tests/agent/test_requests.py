"""What a client may send: defaults, presence, ranges, and what JSON text keeps."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from echorator.agent import requests
from echorator.errors import InvalidRequestError
from echorator.model_files.puller import Image
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import EngineSettings, Lora, Sampling

VOCABULARY = 100


def test_unset_sampling_is_the_default() -> None:
    assert requests.sampling_of(pb.Sampling(), VOCABULARY, {}) == Sampling()


def test_a_zero_that_is_set_is_not_the_default() -> None:
    sampling = requests.sampling_of(pb.Sampling(temperature=0.0, top_k=0, top_p=0.0, seed=0, penalty_last_n=0), VOCABULARY, {})
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.seed, sampling.penalty_last_n) == (0.0, 0, 0.0, 0, 0)
    assert sampling.min_p == Sampling().min_p


def test_every_sampling_field_reaches_the_settings() -> None:
    message = pb.Sampling(
        temperature=0.5, top_k=7, top_p=0.5, min_p=0.25, typical_p=0.5, repeat_penalty=1.5, presence_penalty=0.5,
        frequency_penalty=0.25, penalty_last_n=8, dry_multiplier=0.5, dry_base=2.0, dry_allowed_length=3, dry_penalty_last_n=16,
        dry_sequence_breakers=["a", "b"], xtc_probability=0.5, xtc_threshold=0.25, mirostat=2, mirostat_tau=4.0,
        mirostat_eta=0.5, seed=11, logit_bias={3: 1.5}, grammar='root ::= "x"',
    )  # fmt: skip
    made = requests.sampling_of(message, VOCABULARY, {})
    assert made == Sampling(
        0.5, 7, 0.5, 0.25, 0.5, 1.5, 0.5, 0.25, 8, 0.5, 2.0, 3, 16, ("a", "b"), 0.5, 0.25, 2, 4.0, 0.5, 11, ((3, 1.5),), 'root ::= "x"'
    )
    others = {"json_schema", "json_object", "logit_bias_texts"}  # the agent makes a grammar of them, and biases of token ids
    assert {f.name for f in pb.Sampling.DESCRIPTOR.fields} - others == {f.name for f, _ in message.ListFields()}


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (pb.Sampling(temperature=-0.5), "temperature must be 0..100"),
        (pb.Sampling(temperature=100.5), "temperature"),
        (pb.Sampling(temperature=math.nan), "temperature"),
        (pb.Sampling(top_k=-1), "top_k"),
        (pb.Sampling(top_p=1.5), "top_p"),
        (pb.Sampling(min_p=-0.5), "min_p"),
        (pb.Sampling(typical_p=2.0), "typical_p"),
        (pb.Sampling(repeat_penalty=0.0), "repeat_penalty"),
        (pb.Sampling(presence_penalty=100.5), "presence_penalty"),
        (pb.Sampling(frequency_penalty=-100.5), "frequency_penalty"),
        (pb.Sampling(penalty_last_n=-2), "penalty_last_n"),
        (pb.Sampling(dry_multiplier=-1.0), "dry_multiplier"),
        (pb.Sampling(dry_base=0.5), "dry_base"),
        (pb.Sampling(dry_allowed_length=-1), "dry_allowed_length"),
        (pb.Sampling(dry_penalty_last_n=-2), "dry_penalty_last_n"),
        (pb.Sampling(dry_sequence_breakers=["x"] * 65), "dry_sequence_breakers"),
        (pb.Sampling(xtc_probability=1.5), "xtc_probability"),
        (pb.Sampling(xtc_threshold=-0.5), "xtc_threshold"),
        (pb.Sampling(mirostat=1), "mirostat must be 0 (off) or 2"),
        (pb.Sampling(mirostat_tau=-1.0), "mirostat_tau"),
        (pb.Sampling(mirostat_eta=-1.0), "mirostat_eta"),
        (pb.Sampling(logit_bias={VOCABULARY: 1.0}), "token ids must be 0..99, not 100"),
        (pb.Sampling(logit_bias={-1: 1.0}), "token ids must be 0..99, not -1"),
        (pb.Sampling(logit_bias={1: math.nan}), "logit_bias"),
        (pb.Sampling(logit_bias={1: math.inf}), "logit_bias"),
        (pb.Sampling(grammar=" "), "the grammar is empty"),
    ],
)
def test_sampling_out_of_range(message: pb.Sampling, says: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        requests.sampling_of(message, VOCABULARY, {})
    assert says in str(caught.value)


def test_a_token_may_be_forbidden() -> None:
    assert requests.sampling_of(pb.Sampling(logit_bias={1: -math.inf}), VOCABULARY, {}).logit_bias == ((1, -math.inf),)


def test_json_false_is_no_grammar() -> None:
    assert requests.sampling_of(pb.Sampling(json_object=False), VOCABULARY, {}).grammar == ""
    assert requests.sampling_of(pb.Sampling(json_object=True), VOCABULARY, {}).grammar


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (pb.Limits(max_tokens=-1), "max_tokens must be 0 or more, not -1"),
        (pb.Limits(prompt_logprobs=21), "prompt_logprobs must be 0..20, not 21"),
        (pb.Limits(max_tokens=-1), "max_tokens"),
        (pb.Limits(priority=101), "priority must be -100..100, not 101"),
        (pb.Limits(priority=-101), "priority"),
        (pb.Limits(logprobs=21), "logprobs must be 0..20, not 21"),
        (pb.Limits(logprobs=-1), "logprobs"),
        (pb.Limits(stop=["x"] * 17), "at most 16"),
        (pb.Limits(stop=[""]), "1..256 bytes"),
        (pb.Limits(stop=["é" * 129]), "one has 258"),
    ],
)
def test_limits_out_of_range(message: pb.Limits, says: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        requests.limits_of(message)
    assert says in str(caught.value)


def test_limits() -> None:
    assert requests.limits_of(pb.Limits()) == requests.Limits()
    message = pb.Limits(max_tokens=5, stop=["a", "b"], ignore_eos=True, priority=-3, logprobs=0, no_cache=True, prompt_logprobs=2)
    assert requests.limits_of(message) == requests.Limits(5, ("a", "b"), True, -3, 0, 2, False)


@pytest.mark.parametrize(
    "request_",
    [
        pb.GenerateRequest(),
        pb.GenerateRequest(prompt=""),
        pb.GenerateRequest(tokens=pb.TokenIds()),
        pb.GenerateRequest(parts=pb.PromptParts()),
        pb.GenerateRequest(parts=pb.PromptParts(parts=[pb.PromptPart(), pb.PromptPart(text=""), pb.PromptPart(tokens=pb.TokenIds())])),
    ],
)
def test_empty_prompt(request_: pb.GenerateRequest) -> None:
    with pytest.raises(InvalidRequestError, match="the prompt is empty"):
        requests.prompt_of(request_, VOCABULARY)


def test_a_prompt_of_parts() -> None:
    parts = [pb.PromptPart(text="a"), pb.PromptPart(tokens=pb.TokenIds(ids=[1, 2])), pb.PromptPart(text="b")]
    request = pb.GenerateRequest(parts=pb.PromptParts(parts=parts))
    assert requests.prompt_of(request, VOCABULARY) == ["a", [1, 2], "b"]
    request.parts.parts[1].tokens.ids.append(VOCABULARY)
    with pytest.raises(InvalidRequestError, match=rf"parts: token ids must be 0..{VOCABULARY - 1}, not {VOCABULARY}"):
        requests.prompt_of(request, VOCABULARY)


def test_json_text_keeps_order_and_whole_numbers() -> None:
    plain = {"z": 12345678901234567890, "a": [1, 2.5, None, True, "x"], "m": {"minimum": -2, "b": 1, "a": 1}, "d": 1e300, "one": 1.0}
    made = requests.json_object_of(json.dumps(plain), "field")
    assert json.dumps(made) == json.dumps(plain)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "field is not JSON"),
        ("[1]", "field must be a JSON object"),
        ('{"a": Infinity}', "Infinity is not a JSON value"),
        ('{"a":' * 65 + "1" + "}" * 65, "nests more than 64 deep"),
        ('{"a":' * 100_000, "nests more than 64 deep"),
        ("[" * 100_000 + "]" * 100_000, "field"),
    ],
)
def test_bad_json_text(text: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        requests.json_object_of(text, "field")


def test_the_deepest_json_text() -> None:
    assert requests.json_object_of('{"a":' * 64 + "1" + "}" * 64, "field")


@pytest.mark.parametrize(
    ("name", "path", "expected"), [("", "x/tiny.Q8_0.gguf", "tiny.Q8_0"), ("", "my model.gguf", "my-model"), ("a/b:7b", "x", "a/b:7b")]
)
def test_model_names(name: str, path: str, expected: str) -> None:
    assert requests.model_name_of(name, Path(path)) == expected


@pytest.mark.parametrize("name", ["a b", "-x", "x" * 129, "a\nb", "\0"])
def test_unfit_model_names(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="not fit"):
        requests.model_name_of(name, Path("x.gguf"))


def test_engine_options_override_the_defaults() -> None:
    defaults = EngineSettings(Path("."), slots=3, threads=1)
    options = pb.EngineOptions(context_tokens=512, prefix_cache=False, tensor_split=[1.0, 2.0], kv_type_k="q8_0")
    expected = EngineSettings(
        Path("."), slots=3, threads=1, context_tokens=512, prefix_cache=False, tensor_split=(1.0, 2.0), kv_type_k="q8_0"
    )
    assert requests.engine_settings_of(options, defaults) == expected


def test_files_take_the_place_of_sources() -> None:
    options = pb.EngineOptions(lora=[pb.Lora(source="hf://a/b/c.gguf"), pb.Lora(source="d.gguf", scale=0.0)])
    assert requests.sources_of("m.gguf", options) == ["m.gguf", "hf://a/b/c.gguf", "d.gguf"]
    settings = requests.engine_settings_of(options, EngineSettings(Path(".")))
    model, first, second = (Image("", Path(name)) for name in ("m", "c", "d"))
    made = requests.with_files(settings, replace(model, adapters=(Path("own"),)), first, second)
    assert made.path == Path("m")
    assert made.lora == (Lora(Path("own")), Lora(Path("c")), Lora(Path("d"), 0.0))


def test_every_engine_option_is_a_setting() -> None:
    assert {f.name for f in pb.EngineOptions.DESCRIPTOR.fields} <= set(EngineSettings.__dataclass_fields__)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (pb.EngineOptions(slots=0), "slots must be 1..128"),
        (pb.EngineOptions(kv_type_k="q3"), "kv_type_k must be one of"),
        (pb.EngineOptions(split_mode="half"), "split_mode must be one of"),
        (pb.EngineOptions(lora=[pb.Lora(source="a", scale=101)]), "a scale must be -100..100, not 101"),
    ],
)
def test_engine_options_out_of_range(options: pb.EngineOptions, says: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        requests.engine_settings_of(options, EngineSettings(Path(".")))
    assert says in str(caught.value)


def test_a_float32_is_the_number_that_the_client_wrote() -> None:
    assert requests.sampling_of(pb.Sampling(repeat_penalty=0.01), 768, {}).repeat_penalty == 0.01
    assert requests.sampling_of(pb.Sampling(temperature=0.7, dry_base=1.1), 768, {}).temperature == 0.7
    with pytest.raises(InvalidRequestError, match=r"repeat_penalty must be 0\.01\.\.10, not 0\.009"):
        requests.sampling_of(pb.Sampling(repeat_penalty=0.009), 768, {})
    with pytest.raises(InvalidRequestError, match="temperature"):
        requests.sampling_of(pb.Sampling(temperature=float("nan")), 768, {})
