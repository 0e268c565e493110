"""What sentences do, and the requests to remember and to forget."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.cognition.reading.acts import act_of, request_of
from echorator.cognition.reading.requests import Request
from tests.cognition.reading.labels import labels


def test_requests_are_told_from_what_looks_like_them() -> None:
    told = [(label["text"], label["kind"], request_of(label["text"])) for label in labels("requests")]
    wrong = [(text, found) for text, kind, found in told if (found.kind if found else "") != kind]
    assert not wrong
    assert len(told) >= 300


@pytest.mark.parametrize(
    ("sentence", "request_"),
    [
        ("Please remember that I am vegan.", Request("remember", "I am vegan.")),
        ("Can you remember that my wifi password is hunter2?", Request("remember", "my wifi password is hunter2")),
        ("My PIN is 1234, please remember it.", Request("remember", "My PIN is 1234")),
        ("Please remember this.", Request("remember", "")),
        ("Forget my phone number.", Request("forget", "my phone number")),
        ("Delete everything you know about me.", Request("forget", "", True)),
        ("Please erase everything about my job from your memory.", Request("forget", "my job")),
        ("Erase what I said about my boss.", Request("forget", "my boss")),
        ("Forget that.", Request("forget", "")),
        ("Merk dir, dass ich vegan bin.", Request("remember", "ich vegan bin")),
        ("Vergiss alles, was du \u00fcber mich wei\u00dft.", Request("forget", "", True)),
        ("Olvida lo que te dije sobre mi jefe.", Request("forget", "mi jefe")),
        ("Oublie mon num\u00e9ro de t\u00e9l\u00e9phone.", Request("forget", "mon num\u00e9ro de t\u00e9l\u00e9phone")),
        ("\u8bf7\u8bb0\u4f4f\u6211\u662f\u7d20\u98df\u8005", Request("remember", "\u6211\u662f\u7d20\u98df\u8005")),
        ("\u79c1\u306e\u4f4f\u6240\u3092\u5fd8\u308c\u3066\u3002", Request("forget", "\u79c1\u306e\u4f4f\u6240")),
        ("Forget it.", None),
        ("Don't forget to call mum.", None),
        ("Remember when we went to Rome?", None),
        ("I will never forget my trip.", None),
        ("Delete the file.", None),
    ],
)
def test_a_request_says_what_it_is_about(sentence: str, request_: Request | None) -> None:
    assert request_of(sentence) == request_


@pytest.mark.parametrize("label", labels("acts"), ids=lambda label: label["text"])
def test_what_a_sentence_does(label: dict[str, str]) -> None:
    assert act_of(label["text"]) == label["act"]


HOSTILE = """remember |forget that |please |can you |everything about |what i said |don't forget |vergiss |que |oublie |
\u5fd8\u8bb0|\u3092\u5fd8\u308c\u3066|, |a|. """


@pytest.mark.parametrize("part", HOSTILE.replace("\n", "").split("|"))
@pytest.mark.parametrize("size", [600, 100_000])
def test_no_sentence_makes_the_rules_slow(part: str, size: int) -> None:
    text = part * (size // len(part))
    begin_s = time.process_time()
    request_of(text)
    act_of(text)
    assert time.process_time() - begin_s < 0.5


WORDS = sorted({word for name in ("requests", "acts") for label in labels(name) for word in label["text"].split()})


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_without_an_error(text: str) -> None:
    act_of(text)
    found = request_of(text)
    assert found is None or found.kind in ("remember", "forget")
    assert found is None or not (found.everything and found.what)
