"""What sentences state, and what questions ask for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.learning.facts import fact_of, is_statement, statements, topic_asked
from echorator.cognition.reading.salience import entities_of, importance_of
from echorator.cognition.reading.sentences import sentences
from echorator.cognition.reading.values import Fact
from echorator.cognition.text import MAX_TERMS, query_ids

PORT = (Fact("the", "port", "4431"),)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("My dog is called Pixel.", ("user", "dog name", "Pixel", True)),
        ("My dog's name is Pixel.", ("user", "dog name", "Pixel", True)),
        ("Actually, my dog is now named Rex", ("user", "dog name", "Rex", True)),
        ("I have a dog called Pixel.", ("user", "dog name", "Pixel", False)),
        ("My favorite color is teal.", ("user", "favourite colour", "teal", True)),
        ("Teal is my favourite colour.", ("user", "favourite colour", "Teal", True)),
        ("I live in New York.", ("user", "home city", "New York", True)),
        ("I moved to Lisbon!", ("user", "home city", "Lisbon", True)),
        ("I work as a data engineer.", ("user", "job", "data engineer", True)),
        ("Hi, I am Mira.", ("user", "name", "Mira", True)),
        ("I enjoy chess.", ("user", "hobby", "chess", False)),
        ("Mira's favourite food is ramen.", ("mira", "favourite food", "ramen", True)),
        ("Mira lives in Oslo.", ("mira", "home city", "Oslo", True)),
        ("The staging server is heron-7.", ("the", "staging server", "heron-7", True)),
        ("The wifi network is called fox.", ("the", "wifi network", "fox", True)),
        ("I changed my phone number to 555 1234.", ("user", "phone number", "555 1234", True)),
        ("Remember that my door code is 4431.", ("user", "door code", "4431", True)),
        ("It is my favourite colour.", None),
        ("We met at the harbour.", None),
        ("What is my dog called?", None),
    ],
)
def test_a_fact_is_read(sentence: str, expected: tuple[str, str, str, bool] | None) -> None:
    fact = fact_of(sentence)
    assert (None if fact is None else (fact.subject, fact.attribute, fact.value, fact.exclusive)) == expected


def test_the_first_person_is_the_speaker_and_a_denial_is_one() -> None:
    mine = fact_of("My dog is called Pixel.", "Caroline")
    assert mine is not None
    assert mine.subject == "caroline"
    denied = fact_of("My dog is no longer Rex.")
    assert denied is not None
    assert (denied.value, denied.negated) == ("Rex", True)


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("What is my dog called?", ("user", "dog name")),
        ("what's my dog's name?", ("user", "dog name")),
        ("Where do I live?", ("user", "home city")),
        ("Do you know who I am?", ("user", "name")),
        ("Which colour do I like best?", ("user", "favourite colour")),
        ("When was I born?", ("user", "birthday")),
        ("Tell me Mira's lucky number.", ("mira", "lucky number")),
        ("What's Elif's brother's name?", ("elif", "brother name")),
        ("Where does Mira live?", ("mira", "home city")),
        ("What's the staging server?", ("the", "staging server")),
        ("Which team do we have?", ("the", "team")),
        ("When did Caroline go to the support group?", None),
        ("Tell me a story about a fox.", None),
        ("Hello!", None),
    ],
)
def test_a_question_for_one_fact_is_read(question: str, topic: tuple[str, str] | None) -> None:
    assert topic_asked(question) == topic


@pytest.mark.parametrize(
    "text", ["Hello!", "hi there", "thanks a lot", "ok", "What is it?", "Tell me a story.", "Please help", "can you count?", "why"]
)
def test_questions_orders_and_small_talk_are_no_statements(text: str) -> None:
    assert not is_statement(text)


def test_statements_of_a_turn() -> None:
    assert statements("Hello! My cat is called Tofu. What is the time? I met Anna.") == ["My cat is called Tofu.", "I met Anna."]
    assert statements("Hi, I am Mira.") == ["Hi, I am Mira."]


def test_entities_are_names_numbers_and_codes() -> None:
    assert entities_of("We met Anna in Room B12 at 10:30 near heron-7.") == ("anna", "room", "b12", "10:30", "heron-7")
    assert entities_of("Nothing here.") == ()
    assert entities_of("Mira's dog.") == ("mira",)


def test_importance_grows_with_what_makes_a_memory_worth_keeping() -> None:
    plain = importance_of("it rained", (), 0.0)
    assert 0 < plain < importance_of("The port is 4431.", PORT, 0.0)
    assert importance_of("Remember the deadline Monday 12!", PORT, 1.0) <= 1.0


@pytest.mark.parametrize(
    "part", ["my my ", "the the ", "is is ", "and and ", "A's ", "my a is ", "so, ", "'s 's ", "Aa Bb's ", "what is ", "1.1", "a-"]
)
def test_no_text_makes_the_rules_slow(part: str) -> None:
    text = part * (16_000 // len(part))
    begin_s = time.process_time()
    for sentence in sentences(text)[:5]:
        fact_of(sentence)
        topic_asked(sentence)
        is_statement(sentence)
    entities_of(text)
    assert time.process_time() - begin_s < 5.0


@given(st.text(max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for sentence in statements(text):
        assert sentence in text.replace("\n", " ") or sentence.strip()
        fact = fact_of(sentence)
        assert fact is None or (fact.attribute and fact.value)
    assert len(entities_of(text)) <= 16
    assert 0 <= importance_of(text, (), 0.0) <= 1
    assert len(query_ids(text)) <= MAX_TERMS
