"""Which memory supersedes which, and which two are one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.learning.consolidation import extract, gists, merges
from echorator.cognition.learning.writing import Told, memory_of
from echorator.cognition.memory import Memory
from echorator.cognition.recall.coherence import decide


def told(text: str, said_s: float, **more: object) -> Memory:
    return replace(memory_of(Told(text, said_s=said_s), "s", said_s), **more)  # type: ignore[arg-type]


def known(*memories: Memory) -> dict[tuple[str, str], list[Memory]]:
    out: defaultdict[tuple[str, str], list[Memory]] = defaultdict(list)
    for memory in memories:
        out[memory.subject, memory.attribute].append(memory)
    return dict(out)


def test_a_later_value_closes_the_earlier_one() -> None:
    old = told("I live in Oslo.", 10.0, id=7)
    decision = decide([told("I live in Lima.", 20.0)], known(old))
    assert [(p.id, p.fields["valid_to_s"], p.fields["superseded_by"]) for p in decision.patches] == [(7, 20.0, -1)]
    assert decision.superseded == (7,)


def test_an_older_statement_that_arrives_later_is_closed_itself() -> None:
    new = told("I live in Lima.", 20.0, id=7)
    decision = decide([told("I live in Oslo.", 10.0)], known(new))
    added = decision.add[0]
    assert added is not None
    assert added.valid_to_s == 20.0
    assert [(p.id, p.fields["superseded_by"]) for p in decision.patches] == [(-1, 7)]
    assert decision.superseded == ()


def test_what_was_said_word_for_word_before_is_a_use_of_it() -> None:
    old = told("I live in Oslo.", 10.0, id=7)
    decision = decide([told("i live in oslo.", 20.0), told("It rains.", 20.0)], known(old))
    assert decision.add[0] is None
    assert decision.repeats == (7, 0)
    assert [(p.id, p.fields) for p in decision.patches] == [(7, {"said_s": 20.0})]


def test_what_was_said_again_is_not_ended_by_what_was_said_before_that() -> None:
    old = told("The port is 1.", 1.0, id=7)
    decision = decide([told("The port is 1.", 3.0), told("The port is 2.", 2.0)], known(old))
    added = decision.add[1]
    assert added is not None
    assert added.valid_to_s == 3.0
    assert decision.superseded == ()


def test_a_chain_within_one_batch_ends_in_its_last_value() -> None:
    decision = decide([told(f"The port is {n}.", float(n)) for n in (1, 2, 3)], {})
    assert [m.valid_to_s for m in decision.add if m is not None] == [2.0, 3.0, 0.0]
    assert [(p.id, p.fields["superseded_by"]) for p in decision.patches] == [(-1, -2), (-2, -3)]


def test_what_may_be_true_together_stays() -> None:
    old = told("I enjoy chess.", 10.0, id=7)
    assert decide([told("I enjoy running.", 20.0)], known(old)).patches == ()
    assert decide([told("Mira's job is chef.", 20.0)], known(told("My job is nurse.", 10.0, id=8))).patches == ()


FACTS = st.lists(st.tuples(st.sampled_from(["port", "host"]), st.integers(1, 3), st.integers(1, 50)), max_size=12)


@given(FACTS, FACTS)
def test_at_most_one_value_of_a_thing_holds_and_nothing_is_lost(
    first: list[tuple[str, int, int]], then: list[tuple[str, int, int]]
) -> None:
    stored: dict[int, Memory] = {}
    for batch in (first, then):
        new = [told(f"The {thing} is v{value}.", float(at_s)) for thing, value, at_s in batch]
        decision = decide(new, known(*(m for m in stored.values() if m.holds)))
        ids = {}
        kept = [m for m in decision.add if m is not None]
        for place, memory in enumerate(kept):
            ids[-1 - place] = len(stored) + 1
            stored[len(stored) + 1] = replace(memory, id=len(stored) + 1)
        for patch in decision.patches:
            target = ids.get(patch.id, patch.id)
            if "said_s" in patch.fields:
                stored[target] = replace(stored[target], said_s=patch.fields["said_s"])
                continue
            by = ids.get(patch.fields["superseded_by"], patch.fields["superseded_by"])
            stored[target] = replace(stored[target], valid_to_s=patch.fields["valid_to_s"], superseded_by=by)
        assert len(decision.add) == len(decision.repeats) == len(new)
        assert all((m is None) == bool(r) for m, r in zip(decision.add, decision.repeats, strict=True))
    for thing in ("port", "host"):
        holding = {m.value for m in stored.values() if m.attribute == thing and m.holds}
        ever = {f"v{value}" for t, value, _ in [*first, *then] if t == thing}
        assert len(holding) <= 1
        assert bool(holding) == bool(ever)
        assert {m.value for m in stored.values() if m.attribute == thing} == ever
        if holding:
            latest = max(at_s for t, _, at_s in [*first, *then] if t == thing)
            assert f"{next(iter(holding))}" in {f"v{v}" for t, v, at_s in [*first, *then] if t == thing and at_s == latest}


def merged(memories: list[Memory], cosine: float = 1.0) -> list[set[int]]:
    def near(place: int) -> list[tuple[int, float]]:
        return [(other, cosine) for other in range(len(memories)) if other != place]

    return [{m.keep, *m.members} for m in merges(memories, near, 0.9)]


def numbered(*texts: str, **more: object) -> list[Memory]:
    return [told(text, float(i), id=i, **more) for i, text in enumerate(texts, 1)]


def test_the_same_fact_is_one_in_any_wording() -> None:
    assert merged(numbered("My jam is plum.", "So, my jam is plum."), cosine=0.0) == [{1, 2}]


def test_names_numbers_values_and_speakers_are_never_mixed() -> None:
    assert merged(numbered("We met Anna there on Monday.", "We met Bob there on Monday.")) == []
    assert merged(numbered("It cost 4431 crowns in all.", "It cost 4432 crowns in all.")) == []
    assert merged(numbered("The port is 4431.", "The port is 4432.")) == []
    assert merged(numbered("Noah's name is Hugo.", "Noah's brother's name is Hugo.")) == []
    one, two = numbered("we went for a long walk", "we went for a long walk")
    assert merged([one, replace(two, speaker="Bob")]) == []


def test_likeness_alone_merges_talk_and_only_where_all_agree() -> None:
    talk = numbered("we went for a long walk by the sea", "we went for a very long walk by the sea")
    assert merged(talk) == [{1, 2}]
    assert merged(talk, cosine=0.5) == []
    chain = numbered("red green blue black", "red green blue white grey", "white grey pink gold")
    assert all(len(group) < 3 for group in merged(chain))


def test_a_merge_keeps_the_pinned_one_with_all_uses() -> None:
    one, two, three = numbered("My jam is plum.", "My jam is plum!", "So my jam is plum.")
    group = [replace(one, uses=4, importance=0.9), replace(two, pinned=True), three]
    found = merges(group, lambda _place: [], 0.9)
    assert [(m.keep, set(m.members), m.uses, m.importance) for m in found] == [(2, {1, 3}, 6, 0.9)]
    assert merges([replace(one, pinned=True), replace(two, pinned=True)], lambda _place: [], 0.9) == []


def test_old_talk_of_a_session_is_worth_a_gist_and_facts_are_not_in_it() -> None:
    talk = numbered(*(f"we talked about thing{i} for long" for i in range(9)))
    facts = [told("The port is 4431.", 5.0, id=50), told("I was there.", 5.0, id=51, pinned=True)]
    groups = gists([*talk, *facts], before_s=100.0)
    assert [[m.id for m in group] for group in groups] == [list(range(1, 10))]
    assert gists(talk, before_s=4.0) == []
    vectors = np.eye(9, dtype=np.float32)
    vectors[[2, 4, 6]] += 1.0
    text = extract(talk, vectors, 3)
    assert text == "we talked about thing2 for long we talked about thing4 for long we talked about thing6 for long"
