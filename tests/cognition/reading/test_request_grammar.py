"""Requests in the wordings of a grammar of six languages, and sentences that have the same verbs and request nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from echorator.cognition.reading.acts import request_of
from echorator.cognition.reading.meant import meaning_of
from echorator.cognition.reading.sentences import passages
from tests.cognition.reading.request_grammar import requests_to_forget, requests_to_remember

LOOKALIKES = (Path(__file__).parent / "data" / "lookalikes.txt").read_text("utf-8").splitlines()
LEAST = 0.99


def _read(text: str, kind: str, word: str) -> bool:
    found = [request_of(passage) for passage in passages(text, lambda sentence: request_of(sentence) is not None)]
    requests = [request for request in found if request is not None]
    meant = [request.what or (text if kind == "remember" else "") for request in requests]
    return bool(requests) and all(r.kind == kind for r in requests) and any(word.lower() in what.lower() for what in meant)


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "zh", "ja"])
@pytest.mark.parametrize("kind", ["forget", "remember"])
def test_requests_are_read_in_many_wordings(kind: str, language: str) -> None:
    generated = requests_to_forget() if kind == "forget" else requests_to_remember()
    told = [(text, word) for spoken, text, word in generated if spoken == language]
    missed = [text for text, word in told if not _read(text, kind, word)]
    assert len(missed) <= (1 - LEAST) * len(told), missed


@pytest.mark.parametrize("sentence", LOOKALIKES)
def test_what_only_has_the_same_verbs_requests_nothing(sentence: str) -> None:
    assert request_of(sentence) is None


@pytest.mark.parametrize("sentence", ["Please remeber that I am vegan.", "forgt my adress", "delte my number pls", "Pleas forget my PIN."])
def test_typing_errors_hide_no_request(sentence: str) -> None:
    assert request_of(sentence) is not None


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("where I live", "I live in Margate."),
        ("mein Gehalt", "Ich verdiene 3.200 Euro im Monat."),
        ("mi sueldo", "Gano 1.900 euros al mes."),
        ("mon employeur", "Je travaille \u00e0 la Poste."),
        ("my pets", "I have a cat called Pudding."),
        ("meinen Arzt", "Mein Hausarzt ist Dr. Vogt."),
        ("das Routerpasswort", "Das Passwort vom Router ist igel77."),
        ("mi epilepsia", "Soy epil\u00e9ptico."),
        ("\u6211\u7684\u624b\u673a\u53f7", "\u6211\u7684\u7535\u8bdd\u662f13855500142\u3002"),
    ],
)
def test_what_is_meant_is_found_in_other_words(what: str, told: str) -> None:
    assert meaning_of(what).told_by(told)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("my name", "My cat's name is Pudding."),
        ("mein Wohnort", "Meine Schwester wohnt in Gera."),
        ("my cat", "I have a dog called Rex."),
        ("my sister's address", "I live in Margate."),
        ("Kinderarzt", "Ich habe ein Kind."),
        ("that", "I live in Margate."),
    ],
)
def test_other_things_are_not_meant(what: str, told: str) -> None:
    assert not meaning_of(what).told_by(told)
