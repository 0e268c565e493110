"""Sentences and passages of texts in many scripts: where they end, and that nothing is lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.reading.sentences import LONGEST_BYTES, passages, sentences

CODE = "```python\nx = 1. if y? else 2\n\nprint(x)\n```"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith came at 10.30. He left!  Why?\nNobody knows", ["Dr. Smith came at 10.30.", "He left!", "Why?", "Nobody knows"]),
        (" \n ", []),
        ("我住在上海。我喜欢吃面！你呢？", ["我住在上海。", "我喜欢吃面！", "你呢？"]),
        ("我住在上海.我喜欢茶", ["我住在上海.", "我喜欢茶"]),
        ("私は京都に住んでいます。犬がいます｡", ["私は京都に住んでいます。", "犬がいます｡"]),
        ("彼は「行く。」と言った。", ["彼は「行く。」と言った。"]),
        ("ฉันชื่อมะลิค่ะ ฉันอยู่เชียงใหม่", ["ฉันชื่อมะลิค่ะ", "ฉันอยู่เชียงใหม่"]),
        ("ฉันแพ้อาหารทะเล โดยเฉพาะกุ้ง", ["ฉันแพ้อาหารทะเล โดยเฉพาะกุ้ง"]),
        (
            "ฉันทำงานเป็นครูที่โรงเรียนในเมือง น้องชายของฉันเรียนอยู่ที่มหาวิทยาลัย",
            ["ฉันทำงานเป็นครูที่โรงเรียนในเมือง", "น้องชายของฉันเรียนอยู่ที่มหาวิทยาลัย"],
        ),
        ("أعيش في القاهرة. أين تعيش؟ أحب القهوة۔", ["أعيش في القاهرة.", "أين تعيش؟", "أحب القهوة۔"]),
        ("मैं दिल्ली में रहता हूँ। मेरा नाम राम है।", ["मैं दिल्ली में रहता हूँ।", "मेरा नाम राम है।"]),
        ("Ես ապրում եմ Երևանում։ Իսկ դու՞", ["Ես ապրում եմ Երևանում։", "Իսկ դու՞"]),
        ("Πού μένεις; Μένω στην Αθήνα.", ["Πού μένεις;", "Μένω στην Αθήνα."]),
        ("Das ist z. B. am 3. Mai fertig. Ich wohne in Rom.", ["Das ist z. B. am 3. Mai fertig.", "Ich wohne in Rom."]),
        ("3. Mai ist mein Geburtstag.", ["3. Mai ist mein Geburtstag."]),
        ("Llegué a las 5 p.m. Mi perro, p. ej. Rex, duerme.", ["Llegué a las 5 p.m.", "Mi perro, p. ej. Rex, duerme."]),
        ("Nos vimos el lunes. Sr. López vino.", ["Nos vimos el lunes.", "Sr. López vino."]),
        ("M. Dupont habite à Lyon. C'est loin.", ["M. Dupont habite à Lyon.", "C'est loin."]),
        ("We meet at 5 p.m. Tuesday.", ["We meet at 5 p.m. Tuesday."]),
        ("I live in the U.S. It is big. The U.S. Army came.", ["I live in the U.S.", "It is big.", "The U.S. Army came."]),
        ("J. R. R. Tolkien wrote it. I like it.", ["J. R. R. Tolkien wrote it.", "I like it."]),
        ("В 2019 г. я жил там. И. И. Иванов пришёл.", ["В 2019 г. я жил там.", "И. И. Иванов пришёл."]),
        ("See https://a.b/c?d=1.2&e=f!g now. Version 2.0.1 is out.", ["See https://a.b/c?d=1.2&e=f!g now.", "Version 2.0.1 is out."]),
        ("Then go... and stop. Well... I think so.", ["Then go... and stop.", "Well...", "I think so."]),
        ("Great! :) I love it. \U0001f600 We went.", ["Great! :)", "I love it. \U0001f600", "We went."]),
        ('He said "Come here." and left. "Stop!" she said.', ['He said "Come here." and left.', '"Stop!" she said.']),
        ("She said \u201cI love it.\u201d Then he left.", ["She said \u201cI love it.\u201d", "Then he left."]),
        ("1. Buy milk\n2) Call Anna\n- sleep\n* (a) eat\n# Title", ["Buy milk", "Call Anna", "sleep", "(a) eat", "Title"]),
        (f"Look:\n{CODE}\nIt works.", ["Look:", CODE, "It works."]),
        (
            "This is a long line that was wrapped by a mail program at some\nwidth and goes on here. New one.",
            ["This is a long line that was wrapped by a mail program at some width and goes on here.", "New one."],
        ),
        ("i went home. then i slept", ["i went home.", "then i slept"]),
        ("...", ["..."]),
    ],
)
def test_sentences_end_where_people_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi! My name is Ann Miller. Thanks!", ["Hi! My name is Ann Miller. Thanks!"]),
        ("I have two small dogs. Really! They sleep all day long.", ["I have two small dogs. Really!", "They sleep all day long."]),
        ("Shopping:\n- milk\n- eggs\n- two loaves of fresh bread", ["Shopping:\n- milk\n- eggs", "- two loaves of fresh bread"]),
        ("## My trip\nI went to Rome last year.", ["## My trip\nI went to Rome last year."]),
        (f"Here is my code, as I said.\n{CODE}\nThat is all of it.", ["Here is my code, as I said.", CODE, "That is all of it."]),
        ("好的。我住在上海浦东。", ["好的。 我住在上海浦东。"]),
        ("Ok", ["Ok"]),
        ("Dear diary:", ["Dear diary:"]),
        ("", []),
    ],
)
def test_fragments_and_headings_are_joined_to_their_neighbours(text: str, expected: list[str]) -> None:
    assert passages(text) == expected


def test_sentences_that_stay_apart_are_joined_to_nothing() -> None:
    text = "Hi! My code is 4431 at home. Forget it. Thanks!"
    assert passages(text, lambda sentence: sentence.startswith("Forget")) == ["Hi! My code is 4431 at home.", "Forget it.", "Thanks!"]


_PARTS = st.sampled_from(
    [
        "Hi",
        "I live",
        " in Rome",
        ". ",
        "! ",
        "? ",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "# A",
        ":",
        "```",
        "~~~",
        "。",
        "我住在上海",
        "ครับ ",
        "ฉันอยู่เชียงใหม่ ",
        "...",
        "\u2026 ",
        ":)",
        "\U0001f600",
        '"',
        "\u201d ",
        "z. B. ",
        "Dr. ",
        "x" * 60,
        " and so on",
        "\ud800",
        "\u3000",
        "\r\n",
        "\x1c",
        "; ",
        "é",
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(_PARTS, max_size=40).map("".join)))
def test_passages_have_every_character_that_is_no_space(text: str) -> None:
    found = passages(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(passage == passage.strip() != "" for passage in found)
    assert all(sentence.strip() for sentence in sentences(text))


@pytest.mark.parametrize("part", ["word ", "x", "漢", "\U0001f600", "``` ", "a\n", "long line of code\n"])
@pytest.mark.parametrize("fence", ["", "```\n"])
def test_a_long_passage_is_cut_and_loses_nothing(part: str, fence: str) -> None:
    text = fence + part * (100_000 // len(part))
    found = passages(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(len(passage.encode()) <= LONGEST_BYTES for passage in found)
    assert len(found) >= 100_000 // LONGEST_BYTES


@pytest.mark.parametrize(
    "part",
    [
        "a. ",
        "A. ",
        "! ",
        "\"' ",
        "1. ",
        "- a\n",
        "```\n",
        "ก ",
        "。",
        "z. B. ",
        "\U0001f600 ",
        ":) ",
        ".",
        "(",
        "ครับ ",
        "\u03b1; ",
        "# \n",
        "<3 ",
        ": ",
    ],
)
def test_no_text_makes_it_slow(part: str) -> None:
    text = part * (100_000 // len(part))
    begin_s = time.process_time()
    sentences(text)
    passages(text)
    assert time.process_time() - begin_s < 5.0
