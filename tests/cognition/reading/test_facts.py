"""What sentences state."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.echo_nano import corpus
from echorator.cognition.reading.comparing import value_words
from echorator.cognition.reading.facts import asked_of, facts_of
from echorator.cognition.reading.values import Claim, Fact, FactType
from tests.cognition.reading.labels import labels

Read = tuple[str, str, tuple[str, ...], str]


def read(sentence: str, earlier: tuple[Fact, ...] = ()) -> set[tuple[str, str, str, str]]:
    return {(f.subject, f.attribute, f.value, str(f.claim)) for f in facts_of(sentence, "", earlier)}


@pytest.mark.parametrize(("language", "precision", "recall"), [("en", 0.99, 0.92), ("de", 0.99, 0.9), ("es", 0.99, 0.9), ("fr", 0.99, 0.9)])
def test_the_facts_of_the_labelled_statements_are_read(language: str, precision: float, recall: float) -> None:
    right, wrong, missed = 0, [], []
    for statement in labels("statements"):
        if statement["language"] != language:
            continue
        wanted: set[Read] = {(s, a, value_words(v), *(claim or ["holds"])) for s, a, v, _, *claim in statement["facts"]}
        found: set[Read] = {(s, a, value_words(v), claim) for s, a, v, claim in read(statement["text"])}
        right += len(found & wanted)
        wrong += [(statement["text"], fact) for fact in found - wanted]
        missed += [(statement["text"], fact) for fact in wanted - found]
    assert right / (right + len(wrong)) >= precision, wrong
    assert right / (right + len(missed)) >= recall, missed


@pytest.mark.parametrize(
    "sentence",
    [
        "The weather is way too cold and windy today.",
        "It is great that you always look on the bright side.",
        "The parents passed away when I was little.",
        "I moved to tears.",
        "I moved to a bigger desk yesterday.",
        "I write letters to my grandmother.",
        "My mother is coming to visit tomorrow.",
        "Suppose I live in Rome.",
        "If I lived in Rome, I would be happy.",
        'She said "I live in Rome".',
        "My friend says he lives in Rome.",
        "Am I allergic to nuts?",
        "Where do I live?",
        "I want to know how photosynthesis works.",
        "Wie hei\u00dft mein Hund?",
        "Wenn ich in Rom wohnen w\u00fcrde, w\u00e4re ich gl\u00fccklich.",
        "Mi amigo dice que vive en Par\u00eds.",
        "J'aimerais avoir un chien.",
        "\u6211\u4f4f\u5728\u4e0a\u6d77\u3002",
        "",
        "...",
    ],
)
def test_what_states_no_fact_gives_none(sentence: str) -> None:
    assert not facts_of(sentence)


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("My phone is dead.", {("user's phone", "state", "dead")}),
        ("I am a bit tired.", {("user", "state", "tired")}),
        ("My car is in the garage today.", {("user's car", "location", "in the garage")}),
        ("My dog is sick.", {("user's dog", "state", "sick")}),
    ],
)
def test_what_passes_by_itself_is_a_state(sentence: str, facts: set[tuple[str, str, str]]) -> None:
    found = facts_of(sentence)
    assert {(f.subject, f.attribute, f.value) for f in found} == facts
    assert {f.type for f in found} == {FactType.STATE}


def test_the_first_person_is_the_speaker() -> None:
    assert [f.topic for f in facts_of("My dog is called Pixel.", "Caroline Smith")] == [("caroline smith's dog", "name")]
    assert asked_of("What is my dog called?", "Caroline Smith") == ("caroline smith's dog", "name")


def test_doubt_lowers_the_certainty_and_a_correction_is_marked() -> None:
    (doubted,) = facts_of("I think I'm allergic to cats.")
    assert doubted.certainty < 0.7
    (corrected,) = facts_of("Actually, my favourite colour is green.")
    assert corrected.corrects


def test_corrections_and_pronouns_refer_to_what_was_told_before() -> None:
    code = Fact("user", "door code", "4431")
    assert read("Actually, it is 4433.", (code,)) == {("user", "door code", "4433", "holds")}
    assert read("No, 4433.", (code,)) == {("user", "door code", "4433", "holds")}
    assert read("Not any more.", (code,)) == {("user", "door code", "4431", "denies")}
    city = Fact("user", "home city", "Oslo")
    assert read("Sorry, I meant Bergen.", (code, city)) == {("user", "home city", "Bergen", "holds")}
    dog = Fact("user's dog", "name", "Rex")
    assert read("He is a beagle.", (dog,)) == {("user's dog", "breed", "beagle", "holds")}
    assert read("She works as a nurse.", (Fact("user's sister", "name", "Klara"),)) == {("user's sister", "job", "nurse", "holds")}


def test_questions_are_worded_as_the_statements_of_the_embedded_model_s_world() -> None:
    rng = __import__("random").Random(20261128)
    told = corpus.facts(rng, 1000)
    same = [asked_of(fact.asked) in {f.topic for f in facts_of(fact.said)} for fact in told]
    assert sum(same) >= 0.99 * len(same)


HOSTILE = """my my |the the |is is |and and |A's |my a is |so, |'s 's |Aa Bb's |what is |1.1|a-|I like, |not |i have a dog called |and i |
, i am |who who |...|"|@|a@|ich |que |je |wenn |call me |as a |don't |http://|xxx|mein Hund hei\u00dft |mi perro |mon chien |qu'|
i have two dogs, |no, |sorry |of my """


@pytest.mark.parametrize("part", HOSTILE.replace("\n", "").split("|"))
def test_no_sentence_makes_the_reader_slow(part: str) -> None:
    text = part * (100_000 // len(part))
    begin_s = time.process_time()
    facts_of(text)
    asked_of(text)
    assert time.process_time() - begin_s < 0.5


WORDS = sorted({word for statement in labels("statements") for word in statement["text"].split()})
EARLIER = tuple(fact for statement in labels("statements")[:60] for fact in facts_of(statement["text"]))


@given(
    st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)),
    st.lists(st.sampled_from(EARLIER), max_size=3),
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_and_every_value_is_a_piece_of_it(text: str, earlier: list[Fact]) -> None:
    asked_of(text)
    straight = " ".join(text.lower().replace("\u2019", "'").split())
    known = {fact.value for fact in earlier}
    for fact in facts_of(text, "", earlier):
        assert fact.subject
        assert fact.attribute
        assert fact.value or fact.claim is Claim.DENIES
        assert fact.value in known or fact.value.lower().replace("\u2019", "'") in straight
