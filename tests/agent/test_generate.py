"""Answers over gRPC: text, memory of the prompt, usage, seeds, stop texts, log probabilities, shapes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, Agent, collected, read, serving, user
from tests.support.models import random_gguf

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEMORY = "You are Echo, a helpful assistant with a memory.\nMemory:\n- My dog is called Pixel.\n- The staging server is heron-7."


async def test_chat_answers_from_the_facts_in_its_prompt(agent: Agent) -> None:
    request = pb.ChatRequest(messages=user("What is my dog called?", MEMORY), sampling=GREEDY)
    text, finish = await collected(agent.stub.Chat(request))
    assert text == "Your dog's name is Pixel."
    assert finish.reason == pb.FINISH_REASON_STOP


async def test_chat_streams_whole_characters_and_its_tokens_spell_the_text(agent: Agent) -> None:
    request = pb.ChatRequest(messages=user("Tell me a story."), sampling=GREEDY)
    replies = [reply async for reply in agent.stub.Chat(request)]
    text = "".join(r.text for r in replies)
    tokens = [t for r in replies for t in r.tokens]
    spelled = await agent.stub.Detokenize(pb.DetokenizeRequest(tokens=tokens))
    assert spelled.text == text
    assert "\ufffd" not in text
    assert [r.HasField("finish") for r in replies] == [False] * (len(replies) - 1) + [True]
    assert len(tokens) in (replies[-1].finish.usage.completion_tokens, replies[-1].finish.usage.completion_tokens - 1)


async def test_usage_counts_what_was_asked_and_answered(agent: Agent) -> None:
    prompt = "<|im_start|>user\nCount to five.<|im_end|>\n<|im_start|>assistant\n"
    tokens = (await agent.stub.Tokenize(pb.TokenizeRequest(text=prompt, add_special=True, parse_special=True))).tokens
    limits = pb.Limits(max_tokens=7, ignore_eos=True, no_cache=True)
    _, finish = await collected(agent.stub.Generate(pb.GenerateRequest(prompt=prompt, sampling=GREEDY, limits=limits)))
    usage = finish.usage
    assert finish.reason == pb.FINISH_REASON_LENGTH
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (len(tokens), 0, 7)
    assert 0.0 <= usage.queue_s <= usage.time_to_first_token_s < 10.0
    assert usage.tokens_per_s > 0.0
    assert usage.preemptions == 0


async def test_a_second_turn_takes_the_first_from_the_cache(agent: Agent) -> None:
    turns = user("What is my dog called?", MEMORY)
    first, _ = await collected(agent.stub.Chat(pb.ChatRequest(messages=turns, sampling=GREEDY)))
    more = [*turns, pb.Message(role="assistant", content=first), pb.Message(role="user", content="Which is the staging server?")]
    _, finish = await collected(agent.stub.Chat(pb.ChatRequest(messages=more, sampling=GREEDY)))
    assert finish.usage.cached_tokens >= finish.usage.prompt_tokens // 2


async def test_tokens_as_a_prompt_are_the_text_they_spell(agent: Agent) -> None:
    prompt = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    tokens = (await agent.stub.Tokenize(pb.TokenizeRequest(text=prompt, add_special=True, parse_special=True))).tokens
    as_text, _ = await collected(agent.stub.Generate(pb.GenerateRequest(prompt=prompt, sampling=GREEDY)))
    as_tokens, _ = await collected(agent.stub.Generate(pb.GenerateRequest(tokens=pb.TokenIds(ids=tokens), sampling=GREEDY)))
    assert as_text == as_tokens != ""


async def test_the_same_seed_gives_the_same_text_and_another_another(agent: Agent) -> None:
    async def sampled(seed: int) -> str:
        limits = pb.Limits(max_tokens=40, ignore_eos=True)
        sampling = pb.Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
        text, _ = await collected(agent.stub.Generate(pb.GenerateRequest(prompt="Once", sampling=sampling, limits=limits)))
        return text

    assert await sampled(7) == await sampled(7)
    assert await sampled(7) != await sampled(8)


async def test_the_text_ends_before_a_stop_text(agent: Agent) -> None:
    messages = user("What is my dog called?", MEMORY)
    for stop in ("name", " is Pix", "el."):
        limits = pb.Limits(stop=["nowhere", stop])
        text, finish = await collected(agent.stub.Chat(pb.ChatRequest(messages=messages, sampling=GREEDY, limits=limits)))
        assert text == "Your dog's name is Pixel.".split(stop)[0]
        assert (finish.reason, finish.stop) == (pb.FINISH_REASON_STOP, stop)


async def test_logprobs_lead_with_the_chosen_token(agent: Agent) -> None:
    limits = pb.Limits(logprobs=3, max_tokens=6)
    replies = [r async for r in agent.stub.Chat(pb.ChatRequest(messages=user("Hello!"), sampling=GREEDY, limits=limits))]
    tokens = [t for r in replies for t in r.tokens]
    positions = [p for r in replies for p in r.logprobs]
    assert [p.chosen.token for p in positions] == tokens
    for position in positions:
        assert len(position.top) == 3
        assert position.top[0] == position.chosen
        assert [t.logprob for t in position.top] == sorted((t.logprob for t in position.top), reverse=True)
        assert sum(math.exp(t.logprob) for t in position.top) <= 1.0 + 1e-4


async def test_a_schema_shapes_the_text(agent: Agent) -> None:
    schema = {
        "type": "object",
        "properties": {"animal": {"enum": ["dog", "cat"]}, "age": {"type": "integer"}},
        "required": ["animal", "age"],
        "additionalProperties": False,
    }
    sampling = pb.Sampling(temperature=1.0, seed=3, json_schema=json.dumps(schema))
    for seed in range(5):
        sampling.seed = seed
        text, finish = await collected(agent.stub.Chat(pb.ChatRequest(messages=user("My dog is 3."), sampling=sampling)))
        value = json.loads(text)
        assert value["animal"] in ("dog", "cat")
        assert type(value["age"]) is int
        assert finish.reason == pb.FINISH_REASON_STOP


async def test_a_grammar_shapes_the_text(agent: Agent) -> None:
    sampling = pb.Sampling(temperature=1.0, seed=1, grammar='root ::= ("yes" | "no") "!"')
    text, _ = await collected(agent.stub.Chat(pb.ChatRequest(messages=user("Is it?"), sampling=sampling)))
    assert text in ("yes!", "no!")


async def test_a_json_object(agent: Agent) -> None:
    for seed in range(10):
        sampling = pb.Sampling(temperature=1.0, seed=seed, json_object=True)
        text, finish = await collected(agent.stub.Chat(pb.ChatRequest(messages=user("Give me JSON."), sampling=sampling)))
        assert text.lstrip().startswith("{")
        if finish.reason == pb.FINISH_REASON_STOP:
            assert isinstance(json.loads(text), dict)


async def test_a_forbidden_token_does_not_come(agent: Agent) -> None:
    first = (await read(agent.stub.Chat(pb.ChatRequest(messages=user("Hello!"), sampling=GREEDY)))).tokens[0]
    sampling = pb.Sampling(temperature=0.0, logit_bias={first: -math.inf})
    replies = [
        r async for r in agent.stub.Chat(pb.ChatRequest(messages=user("Hello!"), sampling=sampling, limits=pb.Limits(max_tokens=20)))
    ]
    assert first not in [t for r in replies for t in r.tokens]


async def test_template_arguments_reach_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_gguf, "CHATML", "{{ word * times }}")
    path = random_gguf.write(tmp_path / "words.gguf", random_gguf.Shape())
    arguments = json.dumps({"word": "abc", "times": 3})
    limits = pb.Limits(max_tokens=4, ignore_eos=True)
    async with serving({"words": path}) as words:
        chat = pb.ChatRequest(messages=user("?"), sampling=GREEDY, limits=limits, template_arguments_json=arguments)
        generate = pb.GenerateRequest(prompt="abcabcabc", sampling=GREEDY, limits=limits)
        (rendered, finish), (expected, finish_of_expected) = [
            await collected(words.stub.Chat(chat)), await collected(words.stub.Generate(generate))
        ]  # fmt: skip
    assert rendered == expected
    assert finish.usage.prompt_tokens == finish_of_expected.usage.prompt_tokens


async def test_tokenize_and_back(agent: Agent) -> None:
    for text in ("Grüße, 日本語 und 🙂!", "long " * 20_000):
        tokens = (await agent.stub.Tokenize(pb.TokenizeRequest(text=text))).tokens
        assert (await agent.stub.Detokenize(pb.DetokenizeRequest(tokens=tokens))).text == text
    control = "<|im_start|>"
    plain = (await agent.stub.Tokenize(pb.TokenizeRequest(text=control))).tokens
    parsed = (await agent.stub.Tokenize(pb.TokenizeRequest(text=control, parse_special=True))).tokens
    assert len(parsed) == 1 < len(plain)
    assert (await agent.stub.Detokenize(pb.DetokenizeRequest(tokens=parsed, special=True))).text == control
    assert (await agent.stub.Detokenize(pb.DetokenizeRequest(tokens=parsed))).text == ""
