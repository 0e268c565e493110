"""Parts are counted as the decoder would make them, for any message and any bytes."""

from __future__ import annotations

from typing import cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from echorator.rpc.v1 import cluster_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.wire import too_many_parts


def kind_of(message: type[Message]) -> Descriptor:
    return cast("Descriptor", message.DESCRIPTOR)


CHAT = kind_of(pb.ChatRequest)


def parts(message: Message) -> int:
    """Messages and texts in a decoded message."""
    count = 0
    for field, value in message.ListFields():
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            assert field.message_type is not None
            inner = field.message_type.fields_by_name["value"].message_type
            count += sum(2 + (1 + parts(v) if inner is not None else isinstance(v, str)) for v in value.values())
            continue
        for one in value if field.is_repeated else (value,):
            if isinstance(one, Message):
                count += 1 + parts(one)
            else:
                count += isinstance(one, str | bytes)
    return count


messages = st.builds(
    pb.ChatRequest,
    model=st.text(max_size=3),
    messages=st.lists(st.builds(pb.Message, role=st.text(max_size=2), content=st.text(max_size=200)), max_size=8),
    limits=st.builds(pb.Limits, stop=st.lists(st.text(max_size=3), max_size=5), max_tokens=st.integers(0, 1 << 30)),
)


@given(messages)
def test_the_parts_of_a_message(message: pb.ChatRequest) -> None:
    data, count = message.SerializeToString(), parts(message)
    assert not too_many_parts(data, CHAT, count)
    assert count == 0 or too_many_parts(data, CHAT, count - 1)


def test_maps_numbers_and_unknown_fields() -> None:
    resource = cluster_pb2.Resource(metadata=cluster_pb2.ResourceMetadata(labels={"a": "b", "c": "d"}, generation=1 << 40))
    resource.spec.update({"list": [1.5, True, None, {"x": "y"}]})
    data = resource.SerializeToString()
    assert not too_many_parts(data, kind_of(cluster_pb2.Resource), 30)
    assert too_many_parts(data, kind_of(cluster_pb2.Resource), 10)
    assert not too_many_parts(b"\xf2\x3f\x02hi" * 1000, CHAT, 0), "what is not known is not decoded into parts"
    tokens = pb.GenerateRequest(tokens=pb.TokenIds(ids=range(100_000))).SerializeToString()
    assert not too_many_parts(tokens, kind_of(pb.GenerateRequest), 1), "numbers are no parts"


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """It ends, raises nothing, and finds at least as much as a decoder that takes the bytes."""
    too_many = too_many_parts(data, CHAT, 3)
    try:
        message = pb.ChatRequest.FromString(data)
    except DecodeError:
        return
    assert too_many or parts(message) <= 3
