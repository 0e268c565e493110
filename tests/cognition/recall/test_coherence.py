"""Which memory supersedes which, and which two are one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.learning.consolidation import extract, gists, merges
from echorator.cognition.learning.writing import Told, memories_of
from echorator.cognition.memory import Memory
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.recall.coherence import decide, topics_of


def told(text: str, said_s: float, **more: object) -> Memory:
    return replace(memories_of([Told(text, said_s=said_s)], "s", said_s)[0], **more)  # type: ignore[arg-type]


def stating(text: str, said_s: float, *facts: Fact, **more: object) -> Memory:
    return told(text, said_s, facts=facts, **more)


def known(*memories: Memory) -> dict[tuple[str, str], list[Memory]]:
    out: defaultdict[tuple[str, str], list[Memory]] = defaultdict(list)
    for memory in memories:
        for topic in topics_of(memory):
            out[topic].append(memory)
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
        new = [stating(f"The {thing} is v{value}.", float(at_s), Fact("the", thing, f"v{value}")) for thing, value, at_s in batch]
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
            fields = dict(patch.fields)
            fields["superseded_by"] = ids.get(fields["superseded_by"], fields["superseded_by"])
            stored[target] = replace(stored[target], **fields)
        assert len(decision.add) == len(decision.repeats) == len(new)
        assert all((m is None) == bool(r) for m, r in zip(decision.add, decision.repeats, strict=True))
    for thing in ("port", "host"):
        of_thing = [(m, fact) for m in stored.values() for fact in m.facts if fact.attribute == thing]
        holding = {fact.value for m, fact in of_thing if m.holds}
        assert all(m.holds == fact.holds for m, fact in of_thing)
        ever = {f"v{value}" for t, value, _ in [*first, *then] if t == thing}
        assert len(holding) <= 1
        assert bool(holding) == bool(ever)
        assert {fact.value for _, fact in of_thing} == ever
        if holding:
            latest = max(at_s for t, _, at_s in [*first, *then] if t == thing)
            assert f"{next(iter(holding))}" in {f"v{v}" for t, v, at_s in [*first, *then] if t == thing and at_s == latest}


PIZZA, HIKING = Fact("user", "likes", "pizza", FactType.MANY), Fact("user", "hobby", "hiking", FactType.MANY)


def test_a_memory_holds_while_one_of_its_facts_does() -> None:
    old = stating("I live in Graz and I go hiking.", 1.0, Fact("user", "home city", "Graz"), HIKING, id=7)
    decision = decide([stating("I live in Wien.", 2.0, Fact("user", "home city", "Wien"))], known(old))
    assert decision.superseded == ()
    [patch] = decision.patches
    assert (patch.id, patch.action, patch.detail) == (7, "updated", "no longer holds: home city Graz")
    assert [(fact.value, fact.holds) for fact in patch.fields["facts"]] == [("Graz", False), ("hiking", True)]


def test_a_long_memory_tells_more_than_the_fact_that_ended() -> None:
    text = "I live in Graz, where my grandmother has a farm with many animals that we visit each summer and of which I have told you."
    decision = decide(
        [stating("Now Wien.", 2.0, Fact("user", "home city", "Wien"))], known(stating(text, 1.0, Fact("user", "home city", "Graz"), id=7))
    )
    assert decision.superseded == ()
    assert "valid_to_s" not in decision.patches[0].fields


def test_a_denial_ends_the_value_that_it_names_or_all() -> None:
    pasta = replace(PIZZA, value="pasta")
    old = known(stating("I like pizza.", 1.0, PIZZA, id=7), stating("I like pasta.", 1.0, pasta, id=8))
    assert decide([stating("No pizza any more.", 2.0, replace(PIZZA, claim=Claim.DENIES))], old).superseded == (7,)
    assert decide([stating("I like nothing any more.", 2.0, replace(PIZZA, value="", claim=Claim.DENIES))], old).superseded == (7, 8)
    assert decide([stating("I like nothing.", 0.5, replace(PIZZA, value="", claim=Claim.DENIES))], old).superseded == ()


def test_what_is_not_certain_ends_nothing() -> None:
    old = known(stating("I live in Graz.", 1.0, Fact("user", "home city", "Graz"), id=7))
    assert decide([stating("Wien, maybe.", 2.0, Fact("user", "home city", "Wien", certainty=0.5))], old).patches == ()


def merged(memories: list[Memory], cosine: float = 1.0) -> list[set[int]]:
    def near(place: int) -> list[tuple[int, float]]:
        return [(other, cosine) for other in range(len(memories)) if other != place]

    return [{m.keep, *m.members} for m in merges(memories, near, 0.9)]


def numbered(*texts: str, **more: object) -> list[Memory]:
    return [told(text, float(i), id=i, **more) for i, text in enumerate(texts, 1)]


def test_the_same_fact_is_one_in_any_wording() -> None:
    assert merged(numbered("My dog is called Rex.", "So, my dog's name is Rex."), cosine=0.0) == [{1, 2}]


def test_what_says_the_same_is_one_however_often_it_was_told() -> None:
    again = numbered(*["We walked along the river for hours."] * 100)
    [group] = merges(again, lambda _place: [], 0.9)  # an index would return a dozen of them as near
    assert {group.keep, *group.members} == set(range(1, 101))
    assert merged(numbered("My name is Ann.", "my name is ann", "My name is Ann!"), cosine=0.0) == [{1, 2, 3}]


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
    one, two, three = numbered("My dog is called Rex.", "My dog is called Rex!", "So my dog is called Rex.")
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
