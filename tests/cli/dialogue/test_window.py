"""What leaves the prompt of a dialogue, as a pure function of sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cli.dialogue.transcript import Exchange, Transcript
from echorator.cli.dialogue.window import ANSWER_SHARE, KEPT, MOST_MESSAGES, Prompt, answer_room, leaving, weight

SIZES = st.lists(st.floats(0, 500), max_size=60)
CONTEXTS = st.integers(64, 8192)


@given(st.floats(0, 2000), SIZES, st.floats(0, 2000), CONTEXTS, st.none() | st.integers(0, 4096))
def test_what_is_left_fits_or_nothing_is_left(fixed: float, sizes: list[float], incoming: float, context: int, most: int | None) -> None:
    room = answer_room(context, most)
    prompt = Prompt(fixed, sizes, incoming)
    count = leaving(prompt, context, room)
    left = Prompt(fixed, sizes[count:], incoming).tokens
    if prompt.tokens + room <= context:
        assert count == 0
    else:
        assert left <= context * KEPT + 1e-6 or count == len(sizes)
    assert count == 0 or Prompt(fixed, sizes[count - 1 :], incoming).tokens > context * KEPT - 1e-6, "no more leaves than has to"


@given(SIZES, st.floats(0, 2000), CONTEXTS)
def test_a_refused_prompt_loses_one_turn_at_least_so_that_asking_again_ends(sizes: list[float], incoming: float, context: int) -> None:
    rounds = 0
    while count := leaving(Prompt(0, sizes, incoming), context, 0, refused=True):
        sizes = sizes[count:]
        rounds += 1
        assert rounds <= 60
    assert sizes == []


@given(st.integers(1, 40), st.integers(100, 4096))
def test_between_two_cuts_a_dialogue_only_appends(size: int, context: int) -> None:
    """Turns of about the same size: each cut is followed by so many turns as a quarter of the context has room for."""
    sizes: list[float] = []
    since_cut, gaps = 0, []
    for _ in range(400):
        count = leaving(Prompt(20, sizes, size / 2), context, answer_room(context, None))
        if count:
            gaps.append(since_cut)
            since_cut = 0
        sizes = [*sizes[count:], size]
        since_cut += 1
        assert 20 + sum(sizes[:-1]) + size / 2 <= context - answer_room(context, None) or len(sizes) == 1
    assert all(gap >= int(context * (1 - KEPT - ANSWER_SHARE) / size) for gap in gaps)


def test_more_messages_than_a_request_may_have_leave() -> None:
    assert leaving(Prompt(0, [1] * (MOST_MESSAGES // 2 - 1), 1), 0, 0) == 0
    count = leaving(Prompt(0, [1] * (MOST_MESSAGES // 2), 1), 0, 0)
    assert MOST_MESSAGES // 2 - count == MOST_MESSAGES * KEPT / 2


def test_where_the_context_is_not_known_nothing_leaves_before_it_is_refused() -> None:
    prompt = Prompt(0, [1000] * 50, 1000)
    assert leaving(prompt, 0, 0) == 0
    assert leaving(prompt, 0, 0, refused=True) == 26, "half of 51 thousand"


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=12), st.text(max_size=20), st.text(max_size=20), st.data())
def test_the_parts_of_a_prompt_are_those_of_its_messages(said: list[tuple[str, str]], system: str, text: str, data: st.DataObject) -> None:
    transcript = Transcript("s", system, [Exchange(*pair) for pair in said])
    transcript.leave(data.draw(st.integers(0, len(said) + 2)))
    messages = [*transcript.messages(text)]
    assert transcript.left <= len(said)
    assert [role for role, _ in messages][:1] == (["system"] if system else ["user"] * bool(messages))
    if text:
        assert transcript.prompt(text, 1.0).tokens == pytest.approx(transcript.weight(text))
        assert transcript.weight(text) == sum(weight(content) for _, content in messages)


def test_a_lone_surrogate_has_a_weight() -> None:
    assert weight("\udce9") > 0
