"""Where a request says it goes: by its headers, else by its message."""

from __future__ import annotations

import pytest

from echorator.errors import InvalidRequestError
from echorator.gateway.request_keys import Destination, chat_key, destination_of, prompt_key
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1 import model_pb2 as pb


def said(*texts: str) -> list[pb.Message]:
    roles = ("system", "user", "assistant", "user", "assistant", "user")
    return [pb.Message(role=role, content=text) for role, text in zip(roles, texts, strict=False)]


def test_headers_say_it_without_a_look_into_the_message() -> None:
    headers = {"x-echorator-model": "m", "x-echorator-session": "s", "x-echorator-priority": "-7"}
    to = destination_of(b"\xff not a message", pb.ChatRequest, headers)
    assert (to.model, to.priority) == ("m", -7)
    assert to.key is not None
    assert destination_of(b"\xff", pb.EmbedRequest, {"x-echorator-model": "m"}) == Destination("m")


def test_the_message_says_it_where_the_headers_do_not() -> None:
    request = pb.ChatRequest(model="m", messages=said("You are Echo.", "Hello!"), limits=pb.Limits(priority=3))
    to = destination_of(request.SerializeToString(), pb.ChatRequest, {})
    assert to == Destination("m", chat_key(request), 3)
    assert destination_of(pb.TokenizeRequest(model="m").SerializeToString(), pb.TokenizeRequest, {}) == Destination("m")


def test_all_turns_of_a_conversation_have_one_key() -> None:
    turns = ["You are Echo.", "Hello!", "Hi.", "How are you?", "Well.", "Bye."]
    conversation = {chat_key(pb.ChatRequest(messages=said(*turns[:n]))) for n in (2, 4, 6)}
    assert len(conversation) == 1
    assert chat_key(pb.ChatRequest(messages=said("You are Echo.", "Good morning!"))) not in conversation


def test_a_session_of_a_memory_is_a_key() -> None:
    def key(session: str, text: str) -> int | None:
        scope = common_pb2.Scope(user="ann", session=session)
        return chat_key(pb.ChatRequest(messages=said("", text), memory=pb.ChatMemory(scope=scope)))

    assert key("a", "Hello!") == key("a", "Good morning!") != key("b", "Hello!")


def test_prompts_have_a_key_where_they_are_long_enough_to_share_anything() -> None:
    long, tokens = "word " * 400, list(range(300))
    assert prompt_key(pb.GenerateRequest(prompt="short")) is None
    assert prompt_key(pb.GenerateRequest(prompt=long + "a")) == prompt_key(pb.GenerateRequest(prompt=long + "b")) is not None
    assert prompt_key(pb.GenerateRequest(tokens=pb.TokenIds(ids=[1, 2]))) is None
    assert prompt_key(pb.GenerateRequest(tokens=pb.TokenIds(ids=tokens))) is not None


@pytest.mark.parametrize("priority", ["high", "101", "-101", "1.5"])
def test_a_priority_that_is_none(priority: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"x-echorator-priority must be -100\.\.100"):
        destination_of(b"", pb.ChatRequest, {"x-echorator-priority": priority})


def test_bytes_that_are_no_message() -> None:
    with pytest.raises(InvalidRequestError, match=r"the request is not a echorator\.v1\.ChatRequest"):
        destination_of(b"\xff\xff", pb.ChatRequest, {})
