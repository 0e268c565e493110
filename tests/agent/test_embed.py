"""Embeddings: dimensions, length, poolings, order, and batches across concurrent calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import Agent, refused, serving
from tests.support.models.random_gguf import Shape, write
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def vectors(response: pb.EmbedResponse) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([e.values for e in response.embeddings], dtype=np.float32)


@pytest.mark.parametrize("pooling", [pb.POOLING_MEAN, pb.POOLING_LAST])
async def test_dimensions_and_length(agent: Agent, pooling: pb.Pooling) -> None:
    model = await agent.stub.GetModel(pb.GetModelRequest())
    inputs = ["a dog", "a cat and a mouse", "a dog"]
    response = await agent.stub.Embed(pb.EmbedRequest(inputs=inputs, pooling=pooling))
    made = vectors(response)
    assert made.shape == (3, model.embedding_length)
    assert np.allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-4)
    assert np.allclose(made[0], made[2], atol=1e-4)
    assert not np.allclose(made[0], made[1], atol=1e-2)
    counts = [len((await agent.stub.Tokenize(pb.TokenizeRequest(text=t, add_special=True))).tokens) for t in inputs]
    assert response.prompt_tokens == sum(counts)


async def test_without_normalising_the_direction_is_the_same(agent: Agent) -> None:
    request = pb.EmbedRequest(inputs=["a dog"], pooling=pb.POOLING_MEAN)
    unit = vectors(await agent.stub.Embed(request))[0]
    request.normalize = False
    raw = vectors(await agent.stub.Embed(request))[0]
    length = float(np.linalg.norm(raw))
    assert abs(length - 1.0) > 1e-3
    assert np.allclose(raw / length, unit, atol=1e-3)


async def test_concurrent_calls_get_their_own_vectors(agent: Agent) -> None:
    words = "dog cat mouse bread river stone cloud music paper seven green Berlin".split()
    texts = [f"{a} {b}" for a in words for b in words[:3]]
    alone = vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=texts, pooling=pb.POOLING_MEAN)))
    requests = [pb.EmbedRequest(inputs=texts[i : i + 3], pooling=pb.POOLING_MEAN) for i in range(len(texts) - 2)]
    for i, response in enumerate(await asyncio.gather(*(agent.stub.Embed(r) for r in requests))):
        cosines = vectors(response) @ alone.T
        assert cosines.argmax(axis=1).tolist() == [i, i + 1, i + 2]
        assert cosines.max(axis=1).min() > 0.999  # quantised weights: a batch rounds its activations in its own way


async def test_one_bad_call_does_not_touch_the_others(agent: Agent) -> None:
    good = [agent.stub.Embed(pb.EmbedRequest(inputs=[f"good {i}"], pooling=pb.POOLING_MEAN)) for i in range(8)]
    bad = agent.stub.Embed(pb.EmbedRequest(inputs=["fine", "word " * 5000], pooling=pb.POOLING_MEAN))
    await refused(bad, grpc.StatusCode.INVALID_ARGUMENT, "inputs[1] has")
    assert [len((await call).embeddings) for call in good] == [1] * 8


async def test_an_encoder_embeds_and_does_not_generate(encoder: Path) -> None:
    async with serving({"encoder": encoder}) as agent:
        model = await agent.stub.GetModel(pb.GetModelRequest())
        assert not model.generates
        made = vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=["hello", "world"])))
        assert made.shape == (2, model.embedding_length)
        cls = vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=["hello"], pooling=pb.POOLING_CLS)))
        assert not np.allclose(cls[0], made[0], atol=1e-3)
        for call in (
            agent.stub.Generate(pb.GenerateRequest(prompt="x")),
            agent.stub.WatchStats(pb.WatchStatsRequest()),
        ):
            await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "only embeds")
        assert not (await agent.stub.ListSlots(pb.ListSlotsRequest())).slots


def near(a: np.ndarray[tuple[int, ...], np.dtype[np.float32]], b: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    """The same but for how a batch rounds its activations, where weights are quantised."""
    return bool(np.min(np.sum(a * b, axis=-1)) > 0.999)


async def test_a_model_without_a_pooling_gets_the_mean_and_the_answer_says_so(agent: Agent, encoder: Path) -> None:
    own = await agent.stub.Embed(pb.EmbedRequest(inputs=["a dog"]))
    mean = await agent.stub.Embed(pb.EmbedRequest(inputs=["a dog"], pooling=pb.POOLING_MEAN))
    last = await agent.stub.Embed(pb.EmbedRequest(inputs=["a dog"], pooling=pb.POOLING_LAST))
    assert (own.pooling, mean.pooling, last.pooling) == (pb.POOLING_MEAN, pb.POOLING_MEAN, pb.POOLING_LAST)
    assert near(vectors(own), vectors(mean))
    assert not near(vectors(own), vectors(last))
    async with serving({"encoder": encoder}) as other:
        answer = await other.stub.Embed(pb.EmbedRequest(inputs=["a dog"]))
        named = await other.stub.Embed(pb.EmbedRequest(inputs=["a dog"], pooling=answer.pooling))
        assert answer.pooling != pb.POOLING_UNSPECIFIED
        assert near(vectors(answer), vectors(named))
    unknown = pb.EmbedRequest.FromString(b"\x12\x01x\x18\x07")
    await refused(agent.stub.Embed(unknown), grpc.StatusCode.INVALID_ARGUMENT, "pooling: 7 is no pooling; use 0")


async def test_texts_token_ids_and_both_in_one_batch(agent: Agent) -> None:
    text = "a cat and a mouse"
    ids = list((await agent.stub.Tokenize(pb.TokenizeRequest(text=text, add_special=True))).tokens)
    dog = list((await agent.stub.Tokenize(pb.TokenizeRequest(text=" dog"))).tokens)
    halves = pb.EmbedParts(parts=[pb.EmbedPart(tokens=pb.TokenIds(ids=ids)), pb.EmbedPart(text=" dog")])
    items = [
        pb.EmbedItem(text=text),
        pb.EmbedItem(tokens=pb.TokenIds(ids=ids)),
        pb.EmbedItem(parts=halves),
        pb.EmbedItem(tokens=pb.TokenIds(ids=[*ids, *dog])),
    ]
    answer = await agent.stub.Embed(pb.EmbedRequest(items=items))
    made = vectors(answer)
    assert near(made[0], made[1])
    assert near(made[2], made[3])
    assert not near(made[0], made[2])
    assert answer.prompt_tokens == 4 * len(ids) + 2 * len(dog)
    assert near(made[:1], vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=[text]))))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.EmbedRequest(inputs=["x"], items=[pb.EmbedItem(text="x")]), "inputs and items exclude each other"),
        (pb.EmbedRequest(), "1..2048 in one call, not 0"),
        (pb.EmbedRequest(inputs=["x"] * 2049), "at most 2048 at once, not 2049"),
        (pb.EmbedRequest(items=[pb.EmbedItem(text="x")] * 2049), "at most 2048 at once, not 2049"),
        (pb.EmbedRequest(inputs=[""]), "inputs[0] is empty"),
        (pb.EmbedRequest(items=[pb.EmbedItem()]), "items[0] is empty"),
        (pb.EmbedRequest(items=[pb.EmbedItem(tokens=pb.TokenIds())]), "items[0] is empty"),
        (pb.EmbedRequest(items=[pb.EmbedItem(tokens=pb.TokenIds(ids=[3, 768]))]), "items[0]: token ids must be 0..767, not 768"),
        (pb.EmbedRequest(items=[pb.EmbedItem(tokens=pb.TokenIds(ids=[-1]))]), "not -1"),
        (
            pb.EmbedRequest(items=[pb.EmbedItem(tokens=pb.TokenIds(ids=[9] * 1025))]),
            "items[0] has 1025 tokens and the model embeds at most 1024",
        ),
        (pb.EmbedRequest(items=[pb.EmbedItem(tokens=pb.TokenIds(ids=[9] * 1024))] * 1025), "more than 1048576 tokens together"),
        (pb.EmbedRequest(inputs=["x"], dimensions=0), "dimensions must be 1..128, the length of this model's vectors, not 0"),
        (pb.EmbedRequest(inputs=["x"], dimensions=129), "not 129"),
    ],
)
async def test_what_is_refused(agent: Agent, request_: pb.EmbedRequest, says: str) -> None:
    await refused(agent.stub.Embed(request_), grpc.StatusCode.INVALID_ARGUMENT, says)


async def test_dimensions_are_the_first_values_at_length_one(agent: Agent) -> None:
    inputs = ["a dog", "a cat and a mouse"]
    whole = vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=inputs, normalize=False)))
    raw = vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=inputs, dimensions=16, normalize=False)))
    unit = vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=inputs, dimensions=16)))
    assert np.allclose(raw, whole[:, :16], rtol=1e-2, atol=1e-2)
    assert np.allclose(np.linalg.norm(unit, axis=1), 1.0, atol=1e-5)
    assert near(unit, raw / np.linalg.norm(raw, axis=1, keepdims=True))


async def test_an_empty_input_fails_alone(agent: Agent) -> None:
    items = [pb.EmbedItem(text="a dog"), pb.EmbedItem(text=""), pb.EmbedItem(tokens=pb.TokenIds()), pb.EmbedItem(text="a cat")]
    answer = await agent.stub.Embed(pb.EmbedRequest(items=items))
    assert [bool(e.values) for e in answer.embeddings] == [True, False, False, True]
    assert [e.error for e in answer.embeddings] == ["", *["the input is empty; there is nothing to embed"] * 2, ""]
    assert near(vectors(await agent.stub.Embed(pb.EmbedRequest(inputs=["a cat"])))[0], np.array(answer.embeddings[3].values, np.float32))


async def test_a_call_of_many_inputs_does_not_hold_up_one_of_a_single(agent: Agent) -> None:
    ended: list[str] = []

    async def call(name: str, inputs: list[str]) -> None:
        assert len((await agent.stub.Embed(pb.EmbedRequest(inputs=inputs))).embeddings) == len(inputs)
        ended.append(name)

    large = asyncio.create_task(call("large", ["a dog and a cat " * 5] * 1500))
    await eventually_embedding(agent)
    await asyncio.gather(large, *(call(f"small {i}", ["a mouse"]) for i in range(4)))
    assert ended[-1] == "large"


async def eventually_embedding(agent: Agent) -> None:
    async def holds() -> bool:
        return agent.server.registry.get("echo-nano").running > 0

    await eventually(holds, "the large call is served")


async def test_an_encoder_takes_as_much_as_it_was_trained_for(tmp_path: Path) -> None:
    long = write(tmp_path / "long.gguf", Shape(arch="bert", context=8192, layers=1))
    ids = [5 + i * i % 60 for i in range(8192)]
    async with serving({"long": long}) as agent:
        items = [pb.EmbedItem(tokens=pb.TokenIds(ids=ids[:n])) for n in (3, 2049, 6002, 8192, 2048)]
        together = vectors(await agent.stub.Embed(pb.EmbedRequest(items=items)))
        alone = [vectors(await agent.stub.Embed(pb.EmbedRequest(items=[item])))[0] for item in items]
        assert np.allclose(together, np.stack(alone), atol=1e-3)
        assert not np.allclose(together[1], together[2], atol=1e-3)
        await refused(
            agent.stub.Embed(pb.EmbedRequest(items=[pb.EmbedItem(tokens=pb.TokenIds(ids=[*ids, 5]))])),
            grpc.StatusCode.INVALID_ARGUMENT,
            "items[0] has 8193 tokens and the model embeds at most 8192; split or shorten it",
        )
        assert len((await agent.stub.Embed(pb.EmbedRequest(inputs=["the " * 1500]))).embeddings) == 1
    async with serving({"long": long}, context_tokens=4096) as agent:
        await refused(agent.stub.Embed(pb.EmbedRequest(items=items[2:3])), grpc.StatusCode.INVALID_ARGUMENT, "at most 4096")
