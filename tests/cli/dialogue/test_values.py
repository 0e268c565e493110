"""What `/set` takes, and what requests get of it."""

from __future__ import annotations

import pytest

from echorator.cli.dialogue.values import NAMES, NUMBERS, Value, changed, range_of, request_parts, shown, table
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb


def after(*typed: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for one in typed:
        values = changed(values, one)
    return values


def test_values_reach_the_request() -> None:
    sampling, limits = request_parts(after("temperature 0.5", "top-k 7", "SEED 11", "max_tokens 9", r"stop \n", "stop END", "usage on"))
    assert sampling == pb.Sampling(temperature=0.5, top_k=7, seed=11)
    assert limits == pb.Limits(max_tokens=9, stop=["\n", "END"])
    assert request_parts({}) == (pb.Sampling(), pb.Limits())


def test_default_takes_a_value_back() -> None:
    assert after("temperature 0.5", "stop x", "temperature default", "stop default") == {}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("temperature 300", "temperature must be 0..100, not 300"),
        ("temperature hot", "temperature must be a number, 0..100, not hot"),
        ("temperature nan", "temperature must be 0..100, not nan"),
        ("top_k 1.5", "top_k must be a whole number, 0..1048576, not 1.5"),
        ("seed -1", "seed must be 0..4294967295"),
        ("mirostat 1", "mirostat must be 0 (off) or 2"),
        ("max_tokens -1", "max_tokens must be 0..2147483647, not -1"),
        ("temprature 1", "there is no value temprature (did you mean temperature?)"),
        ("xyz 1", "there is no value xyz (/set lists them)"),
        ("usage maybe", "usage must be on or off, not maybe"),
        ("temperature", "temperature is the model's own, or 0.8; it may be 0..100; /set temperature default takes it back"),
        (f"stop {'x' * 257}", "stop: at most 16 texts of 1..256 bytes"),
    ],
)
def test_what_is_wrong_is_said(typed: str, says: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        changed({}, typed)
    assert says in str(refused.value)


def test_every_number_of_a_request_can_be_set() -> None:
    plain = {f.name for f in pb.Sampling.DESCRIPTOR.fields if not f.is_repeated and not f.containing_oneof}
    numbers = {f.name for f in pb.Sampling.DESCRIPTOR.fields if f.containing_oneof and f.containing_oneof.name == f"_{f.name}"}
    assert not plain
    assert numbers == set(NUMBERS) - {"max_tokens"}


def test_the_table_has_each_value_with_its_range() -> None:
    lines = table(after("top_p 0.5", "stop x"))
    assert all(name in lines and range_of(name) in lines for name in NAMES)
    assert max(map(len, lines.splitlines())) < 120
    assert shown(after("top_p 0.5"), "top_p") == "0.5"
