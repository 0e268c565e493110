"""The form of memories and of questions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.recall.form import asks, asks_for_time, asks_nothing, dated, named_in, only_chats


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("What is your name?", 1.0),
        ("Hey Mel! What's up with you?", 0.7),
        ("I'm stressed about my savings, can you help me make a plan?", 0.0),
        ("I live in Rome.", 0.0),
        ("You know what? I moved to Rome.", 0.0),
        ("", 0.0),
    ],
)
def test_the_share_that_asks(text: str, share: float) -> None:
    assert asks(text) == pytest.approx(share, abs=0.2)


@given(st.text(max_size=200))
def test_a_share_is_one(text: str) -> None:
    assert 0.0 <= asks(text) <= 1.0
    asks_nothing(text)
    only_chats(text)
    dated(text)


@pytest.mark.parametrize(
    ("query", "nothing"),
    [
        ("I volunteered for that project, and now I have no time left.", True),
        ("We finally moved into the new flat yesterday!", True),
        ("What is my dog called", False),
        ("Tell me about the trip to Oslo", False),
        ("I like fish. What should I cook?", False),
        ("dentist appointment", False),
        ("Wo wohnt meine Schwester denn jetzt?", False),
    ],
)
def test_what_asks_nothing(query: str, nothing: bool) -> None:
    assert asks_nothing(query) is nothing


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("I went there yesterday.", True),
        ("It was in March", True),
        ("Since 2019 we have lived here", True),
        ("on the 3rd", True),
        ("Am Montag war ich dort", True),
        ("I have 2 dogs and 300 books", False),
        ("It was lovely", False),
    ],
)
def test_what_names_a_time(text: str, named: bool) -> None:
    assert dated(text) is named


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("When did we meet?", True),
        ("How long did it take?", True),
        ("what year was that", True),
        ("Seit wann?", True),
        ("Who was there?", False),
    ],
)
def test_what_asks_for_a_time(query: str, asked: bool) -> None:
    assert asks_for_time(query) is asked


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Where does Melanie live?", ["Melanie"]),
        ("where does melanie live?", ["Melanie"]),
        ("What did Mel paint?", ["Melanie"]),
        ("What does Akib study?", ["Aqib Khan"]),
        ("Did Melanie and Khan meet?", ["Melanie", "Aqib Khan"]),
        ("Where do I live?", []),
        ("the melody of that song", []),
    ],
)
def test_whom_a_query_names(query: str, named: list[str]) -> None:
    assert named_in(query, ["Melanie", "Aqib Khan"]) == named


@pytest.mark.parametrize(
    ("query", "chats"), [("thanks!", True), ("hello", True), ("Thanks! Where do I live?", False), ("My dog is ill.", False)]
)
def test_small_talk(query: str, chats: bool) -> None:
    assert only_chats(query) is chats
