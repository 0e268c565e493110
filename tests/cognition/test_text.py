"""The terms by which texts are found, in every script."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.irregular_forms import base_of
from echorator.cognition.text import LONGEST_WORD, MAX_TERMS, date_words, ids_of, plain, query_ids, terms, words


def test_words_are_stems_without_stop_words_accents_or_possessives() -> None:
    assert words("Mira's caf\u00e9s were RUNNING, weren't they?") == ["mira", "cafe", "run"]
    assert words("привет 42") == ["привет", "42"]
    assert words("to be or not to be") == []
    assert len(query_ids("to be or not to be")) >= 6  # better than nothing
    assert date_words(1_683_504_000.0) == ["8", "may", "2023"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bought", "buy"),
        ("went", "going"),
        ("children", "child"),
        ("mice", "mouse"),
        ("feet", "foot"),
        ("taught", "teaches"),
        ("wives", "wife"),
        ("better", "good"),
        ("favourite colours", "favorite color"),
        ("neighbourhood theatres", "neighborhood theater"),
        ("l'h\u00f4tel", "hotel"),
        ("qu'Anna", "Anna"),
        ("dell\u2019acqua", "acqua"),
        ("\uff21\uff22\uff23\uff11\uff12\uff13", "abc123"),
        ("\u0664\u0662", "42"),
        ("\u096d\u096e\u096c", "786"),
        ("Stra\u00dfe", "STRASSE"),
        ("\uff76\uff9e\uff7d", "ガス"),
        ("مُحَمَّد", "محمد"),
        ("أحمد", "احمد"),
        ("می\u200cروم", "میروم"),
        ("שָׁלוֹם", "שלום"),
        ("\u0451", "\u0435"),
    ],
)
def test_spellings_and_forms_of_one_word_are_one(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("दिल्ली", "दिल"),  # the marks are vowels
        ("किताब", "कताब"),
        ("แม่", "แม"),
        ("ดี", "ด"),
        ("น้ำ", "น"),
        ("が", "か"),
    ],
)
def test_marks_that_are_vowels_stay(one: str, other: str) -> None:
    assert plain(one) != plain(other)


@pytest.mark.parametrize("word", ["हिन्दी", "दाँत", "தமிழ்", "മലയാളം", "বাংলা"])
def test_words_of_india_are_not_torn_at_their_vowels(word: str) -> None:
    assert len(words(word)) == 1


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("我住在上海浦东。", "上海"),
        ("私は京都に住んでいます。", "京都"),
        ("コーヒーが好きです", "コーヒー"),
        ("ฉันอาศัยอยู่ที่เชียงใหม่", "เชียงใหม่"),
        ("ຂ້ອຍຢູ່ວຽງຈັນ", "ວຽງຈັນ"),
        ("ខ្ញុំរស់នៅភ្នំពេញ", "ភ្នំពេញ"),
        ("ကျွန်တော်ရန်ကုန်မှာနေတယ်", "ရန်ကုန်"),
        ("저는 부산에서 살아요", "부산"),
        ("Wi-Fiのパスワード", "パスワード"),
        ("我的iPhone坏了", "iphone"),
        ("My Wi-Fi is slow", "wifi"),
        ("our wifi is slow", "Wi-Fi"),
        ("Call me at 555 1234.", "5551234"),
        ("Call me at 5551234.", "555-1234"),
        ("Ich bin unter +49 170 123 45 67 erreichbar.", "0170 1234567"),
        ("Ich bin unter 01701234567 erreichbar.", "+49 (170) 1234567"),
        ("My flight is LH1234.", "LH 1234"),
        ("My flight is LH 1234.", "lh1234"),
        ("IBAN DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("Der Zahnarzttermin ist morgen.", "Zahnarzt"),
        ("Soy alérgica.", "alergia"),
        ("приём \u0443 стоматолога", "к стоматологу"),
    ],
)
def test_what_was_told_shares_a_telling_term_with_what_is_asked(told: str, asked: str) -> None:
    shared = set(terms(told)) & set(terms(asked))
    assert any(len(term) > 1 for term in shared), (terms(told), terms(asked))


def test_irregular_forms_lead_to_their_base_in_one_step() -> None:
    for form in ("bought", "mice", "went", "favourite", "colours", "tyres"):
        assert base_of(base_of(form)) == base_of(form) != form


def test_ids_are_the_same_in_every_process() -> None:
    script = "from echorator.cognition.text import ids_of, terms; print(ids_of(terms('Tea for two, 上海')).tolist())"
    done = subprocess.run(
        (sys.executable, "-c", script),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "5"},
    )
    assert done.stdout == f"{ids_of(terms('Tea for two, 上海')).tolist()}\n"


_BOMBS = [
    "\u0316\u0300",
    "e\u0301",
    "か\u3099",
    "\u0e38\u0e48",
    "ﷺ",
    "1 ",
    "1",
    "1-",
    "a-",
    "l'",
    "'s",
    "a1",
    "เ",
    "漢",
    "가",
    "\u0f71\u0f72",
    "x\u200d",
]


@pytest.mark.parametrize("part", _BOMBS)
def test_no_text_makes_the_words_slow(part: str) -> None:
    text = part * (16_384 // len(part))
    begin_s = time.process_time()
    found = terms(text)
    query_ids(text)
    assert time.process_time() - begin_s < 2.0
    assert len(found) <= MAX_TERMS
    assert all(len(term) <= LONGEST_WORD + 1 for term in found)


@given(st.text(max_size=300))
def test_composed_and_decomposed_text_has_the_same_words(text: str) -> None:
    if text.isprintable():
        assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))
    assert len(query_ids(text)) <= MAX_TERMS
    assert words(text) == terms(text)[: len(words(text))]


@given(st.lists(st.sampled_from(["the", "fox", "上海", "ไทย", "ca\u0301fe", "42", "한국", "l'eau", "x-y"]), max_size=20))
def test_words_of_a_text_are_those_of_its_words(parts: list[str]) -> None:
    assert words(" ; ".join(parts)) == [w for part in parts for w in words(part)]
