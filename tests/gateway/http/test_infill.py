"""Filling gaps over HTTP (`suffix` of OpenAI and Ollama, /infill of llama-server), and the best of several answers (`best_of`)."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from echorator.gateway.http.bodies import Completion
from echorator.gateway.http.translation import chosen
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.openai_setting import Setting, setting_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFIX, SUFFIX = "def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory, filler: Path) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("infill"), {"filler": filler}, 8192) as setting:
        yield setting


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(mesh: Setting) -> tuple[str, int]:
    """The agent's own greedy answer, and the tokens of its prompt."""
    request = pb.GenerateRequest(prompt=PREFIX, suffix=SUFFIX, sampling=pb.Sampling(temperature=0), limits=pb.Limits(max_tokens=12))
    replies = [reply async for reply in mesh.agent.stub.Generate(request)]
    return "".join(reply.text for reply in replies), replies[-1].finish.usage.prompt_tokens


async def asked(mesh: Setting, path: str, **body: Any) -> Any:
    answer = await mesh.post(path, json.dumps({"model": "filler", "temperature": 0} | body).encode())
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


async def test_suffix_of_openai(mesh: Setting, filled: tuple[str, int]) -> None:
    made = await asked(mesh, "/v1/completions", prompt=PREFIX, suffix=SUFFIX, max_tokens=12)
    assert (made["choices"][0]["text"], made["usage"]["prompt_tokens"]) == filled
    two = await asked(mesh, "/v1/completions", prompt=[PREFIX, PREFIX], suffix=SUFFIX, max_tokens=12)
    assert [choice["text"] for choice in two["choices"]] == [filled[0]] * 2
    plain = await asked(mesh, "/v1/completions", prompt=PREFIX, suffix="", max_tokens=12)
    assert plain["usage"]["prompt_tokens"] < filled[1]


async def test_infill_of_llama_server(mesh: Setting, filled: tuple[str, int]) -> None:
    made = await asked(mesh, "/infill", input_prefix=PREFIX, input_suffix=SUFFIX, n_predict=12)
    assert (made["content"], made["tokens_evaluated"]) == filled
    parted = await asked(mesh, "/infill", input_prefix=PREFIX[:10], prompt=PREFIX[10:], input_suffix=SUFFIX, n_predict=12)
    assert (parted["content"], parted["tokens_evaluated"]) == filled
    more = await asked(mesh, "/infill", input_prefix=PREFIX, input_suffix=SUFFIX, n_predict=4, input_extra=[{"text": "a", "filename": "b"}])
    assert more["tokens_evaluated"] > filled[1]
    body = {"model": "filler", "temperature": 0, "input_prefix": PREFIX, "input_suffix": SUFFIX, "n_predict": 12, "stream": True}
    answer = await mesh.post("/infill", json.dumps(body).encode())
    events = [json.loads(line[6:]) for line in answer.body.split(b"\r\n") if line.startswith(b"data: ")]
    assert "".join(event["content"] for event in events) == filled[0]


async def test_suffix_of_ollama(mesh: Setting, filled: tuple[str, int]) -> None:
    options = {"temperature": 0, "num_predict": 12}
    answer = await mesh.post(
        "/api/generate", json.dumps({"model": "filler", "prompt": PREFIX, "suffix": SUFFIX, "stream": False, "options": options}).encode()
    )
    made = json.loads(answer.body)
    assert (made["response"], made["prompt_eval_count"]) == filled


@pytest.mark.parametrize(
    ("said", "path", "body"),
    [
        ("echo and suffix", "/v1/completions", {"prompt": "x", "suffix": "y", "echo": True}),
        ("one prompt and one answer", "/infill", {"input_prefix": "x", "input_suffix": "y", "n": 2}),
        ("the text behind the gap is input_suffix", "/infill", {"input_prefix": "x", "input_suffix": "y", "suffix": "z"}),
        ("input_extra", "/infill", {"input_prefix": "x", "input_suffix": "y", "input_extra": {}}),
        ("input_extra", "/infill", {"input_prefix": "x", "input_suffix": "y", "input_extra": [{"filename": "ok"}]}),
        ("input_extra", "/infill", {"input_prefix": "x", "input_suffix": "y", "input_extra": [{"filename": 1, "text": "a"}]}),
        ("input_suffix: Field required", "/infill", {"input_prefix": "x"}),
        ("prompt, suffix and files have", "/infill", {"input_prefix": "(" * 5000, "input_suffix": ")" * 5000}),
    ],
)
async def test_what_is_refused(mesh: Setting, said: str, path: str, body: dict[str, Any]) -> None:
    answer = await mesh.post(path, json.dumps({"model": "filler"} | body).encode())
    assert answer.status == 400, answer.body
    assert said in json.loads(answer.body)["error"]["message"]


async def test_the_likeliest_of_several_answers(mesh: Setting) -> None:
    body = {"prompt": PREFIX, "temperature": 1.5, "seed": 5, "max_tokens": 6, "logprobs": 0}
    every = await asked(mesh, "/v1/completions", n=6, **body)
    means = [sum(choice["logprobs"]["token_logprobs"]) / len(choice["logprobs"]["token_logprobs"]) for choice in every["choices"]]
    best = [every["choices"][i]["text"] for i in sorted(range(6), key=lambda i: -means[i])]
    assert len(set(best)) > 1
    made = await asked(mesh, "/v1/completions", n=2, best_of=6, **{name: value for name, value in body.items() if name != "logprobs"})
    assert [choice["text"] for choice in made["choices"]] == best[:2]
    assert [choice["index"] for choice in made["choices"]] == [0, 1]
    assert all(choice["logprobs"] is None for choice in made["choices"])
    assert made["usage"]["completion_tokens"] == every["usage"]["completion_tokens"]


async def test_each_prompt_has_its_best() -> None:
    def answer(*logprobs: float) -> list[pb.PositionLogprobs]:
        return [pb.PositionLogprobs(chosen=pb.TokenLogprob(logprob=logprob)) for logprob in logprobs]

    positions = [answer(-1.0, -3.0), answer(), answer(-1.5), answer(-0.1), answer(-math.inf), answer(-0.1, 0.0)]
    two: list[str | list[int] | list[int | str]] = ["a", "b"]
    assert chosen(Completion(prompt=two, n=1, best_of=3), positions) == [2, 5]
    assert chosen(Completion(prompt=two, n=2, best_of=3), positions) == [2, 0, 5, 3]
    assert chosen(Completion(prompt="a", n=6), positions) == [0, 1, 2, 3, 4, 5]
