"""Embeddings: dimensions, length, poolings, order, and batches across concurrent calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest

from echorator.rpc.v1 import model_pb2 as pb
from tests.agent.serving import Agent, refused, serving

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
