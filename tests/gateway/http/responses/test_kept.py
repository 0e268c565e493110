"""What a gateway keeps of responses: for how long, and how much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.http.responses.kept import KeptResponses
from echorator.rpc.v1 import model_pb2 as pb

SAID = [pb.Message(role="user", content="hi")]


def test_a_response_is_kept_for_its_time() -> None:
    kept = KeptResponses(1000, 10.0)
    assert kept.keep({"id": "a"}, SAID, 0.0)
    found = kept.find("a", 9.9)
    assert found is not None
    assert (found.conversation(), found.response) == (SAID, b'{"id": "a"}')
    assert kept.find("a", 10.0) is None
    assert kept.size_bytes == len(kept) == 0


def test_the_oldest_make_room() -> None:
    kept = KeptResponses(60, 10.0)
    assert all(kept.keep({"id": name}, SAID, 0.0) for name in "abc")
    assert kept.find("a", 0.0) is None
    assert kept.find("c", 0.0) is not None
    assert kept.forget("c", 0.0)
    assert not kept.forget("c", 0.0)
    assert not kept.keep({"id": "x" * 100}, SAID, 0.0)
    assert kept.find("b", 0.0) is not None


@given(st.lists(st.tuples(st.sampled_from("kdf"), st.integers(0, 5), st.integers(0, 60)), max_size=30))
def test_the_bound_holds(steps: list[tuple[str, int, int]]) -> None:
    kept, now_s = KeptResponses(100, 5.0), 0.0
    for what, number, size in steps:
        now_s += 0.5
        if what == "k" and kept.find(str(number), now_s) is None:
            kept.keep({"id": str(number), "x": "x" * size}, SAID, now_s)
        elif what == "d":
            kept.forget(str(number), now_s)
        else:
            kept.find(str(number), now_s)
        assert 0 <= kept.size_bytes <= 100
        assert (kept.size_bytes == 0) == (len(kept) == 0)
