"""Bodies of /v1/embeddings to requests of an agent, and its answers to JSON."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.http.bodies import Embeddings, names_of
from echorator.gateway.http.embeddings import answer_of, embed_request
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.fields import served
from echorator.rpc.v1 import model_pb2 as pb


def request_of(value: Any, **further: Any) -> pb.EmbedRequest:
    return embed_request(Embeddings.model_validate({"input": value, **further}))


def plain(item: pb.EmbedItem | pb.EmbedPart) -> Any:
    """As JSON has it."""
    if isinstance(item, pb.EmbedItem) and item.HasField("parts"):
        return [plain(part) for part in item.parts.parts]
    return item.text if item.HasField("text") else list(item.tokens.ids)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("string", ["string"]),
        (["string"], ["string"]),
        ("", [""]),
        ([12, 34, 56], [[12, 34, 56]]),
        ([12, 34, "string", 56, 78], [[[12, 34], "string", [56, 78]]]),
        (["string1", "string2"], ["string1", "string2"]),
        (["string1", [12, 34, 56]], ["string1", [12, 34, 56]]),
        ([[12, 34, 56], [12]], [[12, 34, 56], [12]]),
        ([[12, 34, 56], [12, "string", 34, 56]], [[12, 34, 56], [[12], "string", [34, 56]]]),
        ([["string"]], [["string"]]),
        ([[], "a"], [[], "a"]),
        ({"prompt_string": "string"}, ["string"]),
        ([{"prompt_string": "a"}, "b", [7]], ["a", "b", [7]]),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, ["a\nb"]),
    ],
)
def test_forms_of_an_input(value: Any, items: list[Any]) -> None:
    request = request_of(value)
    assert (list(request.inputs) or [plain(item) for item in request.items]) == items
    assert not (request.inputs and request.items)


@given(st.lists(st.one_of(st.text(), st.lists(st.integers(0, 2**31 - 1))), min_size=1, max_size=20))
def test_texts_and_token_ids_arrive_in_order(inputs: list[str | list[int]]) -> None:
    request = request_of(inputs)
    assert (list(request.inputs) or [plain(item) for item in request.items]) == inputs


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.sampled_from(("content", "prompt_string", "type", "text")), inner)
    ),
    max_leaves=20,
)


@given(json_values.filter(lambda value: value is not None))
def test_any_input_is_understood_or_refused_in_words(value: Any) -> None:
    one = not isinstance(value, list) or any(type(part) is int for part in value)
    with contextlib.suppress(BodyError):
        request = request_of(value)
        assert len(request.inputs) + len(request.items) == (1 if one else len(value))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "input is empty; it must be a text, token ids"),
        (7, "input must be a text"),
        (True, "input must be a text"),
        ([True], "input.0 must be a text"),
        ([None, "a"], "input.0 must be a text"),
        ([1.5], "input.0 must be a text"),
        ([[1.5]], "input.0: token ids are whole numbers of 0 to 2147483647, not 1.5"),
        ([[-1]], "not -1"),
        ([[2**31]], "not 2147483648"),
        ([1, [2]], "input.0 must be a text"),
        ([[[1]]], "input.0: token ids are whole numbers"),
        ({"content": "string"}, "only texts are embedded"),
        ({"content": [{"type": "input_audio", "input_audio": {}}]}, "only texts are embedded"),
        ({"prompt_string": "a", "multimodal_data": ["x"]}, "only texts are embedded"),
        (["a"] * 2049, "at most 2048 inputs"),
        ([["a", 1] * 600], "at most 1024 texts and runs of token ids"),
    ],
)
def test_inputs_that_are_refused(value: Any, says: str) -> None:
    with pytest.raises(BodyError) as caught:
        request_of(value)
    assert says in str(caught.value)


def test_further_fields() -> None:
    request = request_of("a", dimensions=16, pooling="last", embd_normalize=-1)
    assert (request.dimensions, request.pooling, request.normalize) == (16, pb.POOLING_LAST, False)
    assert request_of("a", dimensions=None, pooling=None, embd_normalize=None, encoding_format=None) == pb.EmbedRequest(inputs=["a"])
    assert request_of("a", embd_normalize=2).normalize
    for wrong, says in (
        ({"pooling": "none"}, "a vector for each token, is not served here"),
        ({"pooling": "rank"}, "pooling must be mean, cls or last: 'rank' is not known"),
        ({"dimensions": 0}, "dimensions must be 1 or more, not 0"),
        ({"dimensions": 1 << 40}, "dimensions must be"),
        ({"embd_normalize": 1}, "embd_normalize must be 2"),
    ):
        with pytest.raises(BodyError) as caught:
            request_of("a", **wrong)
        assert says in str(caught.value)


def test_llama_servers_other_name_of_the_input() -> None:
    assert served({"content": ["a"]}, names_of(Embeddings)) == ({"input": ["a"]}, [])
    assert served({"content": "a", "input": "b"}, names_of(Embeddings)) == ({"input": "b"}, ["content"])


@pytest.mark.asyncio(loop_scope="session")
async def test_an_answer_with_an_entry_that_failed() -> None:
    reply = pb.EmbedResponse(prompt_tokens=3, pooling=pb.POOLING_CLS)
    reply.embeddings.add(values=[0.5, -0.25])
    reply.embeddings.add(error="the input is empty; there is nothing to embed")
    answer = json.loads(await answer_of(reply, "m", "float"))
    first, second = answer.pop("data")
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    assert answer == {"object": "list", "model": "m", "usage": usage, "pooling": "cls"}
    assert first == {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}
    assert (second["index"], second["embedding"], second["error"]["param"]) == (1, [], "input[1]")
    assert second["error"]["message"] == "the input is empty; there is nothing to embed"
    packed = json.loads(await answer_of(reply, "m", "base64"))["data"]
    assert [entry["embedding"] for entry in packed] == ["AAAAPwAAgL4=", []]
