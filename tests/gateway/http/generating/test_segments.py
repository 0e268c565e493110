"""However an answer is divided into messages, its segments are the same."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.http.generating.segments import Kind, Segments, Step
from echorator.rpc.v1 import model_pb2 as pb

TEXTS = st.text(min_size=1, max_size=12)
PIECES = st.lists(st.tuples(st.sampled_from(Kind), TEXTS), max_size=8)


def replies(pieces: list[tuple[Kind, str]], cuts: st.DataObject | None) -> list[pb.ChatResponse]:
    """The messages of an answer of these pieces, each of which is cut where hypothesis says."""
    made, call = [], -1
    for kind, text in pieces:
        cut = cuts.draw(st.integers(0, len(text))) if cuts is not None else 0
        parts = [text[:cut], text[cut:]]
        if kind is Kind.CALL:
            call += 1
            made.append(pb.ChatResponse(tool_calls=[pb.ToolCallDelta(index=call, id=f"c{call}", name="f", arguments=parts[0])]))
            made.append(pb.ChatResponse(tool_calls=[pb.ToolCallDelta(index=call, arguments=parts[1])]))
        else:
            field = "reasoning" if kind is Kind.THOUGHT else "text"
            made += [pb.ChatResponse(**{field: part}) for part in parts]  # type: ignore[arg-type]
    return [*made, pb.ChatResponse(finish=pb.Finish(reason=pb.FINISH_REASON_STOP))]


def read(messages: list[pb.ChatResponse]) -> tuple[list[tuple[Kind, str, str]], list[tuple[Step, int]]]:
    segments = Segments()
    steps = [(step, segment.index) for message in messages for step, segment, _ in segments.feed(message)]
    return [(s.kind, s.text, s.call_id) for s in segments.all], steps


@given(PIECES, st.data())
def test_any_division_gives_the_same_segments(pieces: list[tuple[Kind, str]], cuts: st.DataObject) -> None:
    found, steps = read(replies(pieces, cuts))
    assert found == read(replies(pieces, None))[0]
    assert "".join(text for _, text, _ in found) == "".join(text for _, text in pieces)
    order = [(step, index) for step, index in steps if step is not Step.MORE]
    assert order == [pair for index in range(len(found)) for pair in ((Step.BEGIN, index), (Step.END, index))]
    for (_, before), (_, after) in itertools.pairwise(steps):
        assert before <= after
