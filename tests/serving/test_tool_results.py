"""Which call or result of a conversation has a wrong id."""

from __future__ import annotations

import pytest

from echorator.serving.tool_results import Turn, wrong_id

SAID = Turn()


@pytest.mark.parametrize(
    "turns",
    [
        [SAID],
        [SAID, Turn(["a"]), Turn(result="a"), SAID],
        [Turn(["a", "b"]), Turn(result="b"), Turn(result="a")],
        [Turn(["a"]), Turn(result="a"), Turn(["a"]), Turn(result="a")],  # some models name the calls of each answer alike
        [Turn(["", ""]), Turn(result=""), Turn(result="")],
        [Turn(["a"])],
    ],
)
def test_what_fits(turns: list[Turn]) -> None:
    assert wrong_id(turns) is None


@pytest.mark.parametrize(
    ("turns", "place", "why"),
    [
        ([SAID, Turn(result="a")], (1, -1), "no call before it has the id 'a'"),
        ([Turn(result="a"), Turn(["a"])], (0, -1), "no call before it has the id 'a'"),
        ([Turn(["a"]), Turn(result="b")], (1, -1), "no call before it has the id 'b'"),
        ([Turn(["a"]), Turn(result="a"), Turn(result="a")], (2, -1), "the call with the id 'a' has a result already"),
        ([Turn(["a"]), Turn(result="")], (1, -1), "it is missing; the oldest call without a result has the id 'a'"),
        ([SAID, Turn(result="")], (1, -1), "no call before it is without a result"),
        ([Turn([""]), Turn(result=""), Turn(result="")], (2, -1), "no call before it is without a result"),
        ([SAID, Turn(["a", "b", "a"])], (1, 2), "a call before it has the id 'a' too, and no result yet"),
        ([Turn(["a"]), Turn(["b", "a"])], (1, 1), "a call before it has the id 'a' too, and no result yet"),
    ],
)
def test_what_does_not(turns: list[Turn], place: tuple[int, int], why: str) -> None:
    found = wrong_id(turns)
    assert found is not None
    assert ((found.turn, found.call), found.why) == (place, why)
