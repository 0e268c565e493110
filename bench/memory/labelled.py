"""Loads the labelled sets in `data/` and checks them: indexes, halves, repeats, and that each label's words stand in what was told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.memory.matching import says

DATA = Path(__file__).parent / "data"
HALVES = ("dev", "kept")
TYPES = frozenset({"single", "many", "state", "event"})
CLAIMS = frozenset({"holds", "denies", "past"})
SETS = ("statements", "supersession", "talks", "requests", "languages", "removed")


def load(name: str) -> Any:
    """Return a set as its file has it."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def of_half(items: Sequence[dict[str, Any]], half: str) -> list[dict[str, Any]]:
    """Return the items of one half."""
    return [item for item in items if item["half"] == half]


def turn_texts(talk: dict[str, Any]) -> list[tuple[int, str]]:
    """Return (day, text) of each turn: its sentences joined by blanks, or by a line break behind one that ends in a letter."""
    turns = []
    for turn in talk["turns"]:
        text = ""
        for sentence in turn["sentences"]:
            text += sentence + ("\n" if sentence[-1].isalnum() else " ")
        turns.append((turn["day"], text.strip()))
    return turns


def sentences_of(talk: dict[str, Any]) -> list[str]:
    """Return the sentences of a talk by their index."""
    return [s for turn in talk["turns"] for s in turn["sentences"]]


def _repeats(where: str, texts: Sequence[str]) -> Iterator[str]:
    counts = Counter(" ".join(t.lower().split()) for t in texts)
    yield from (f"{where}: {text!r} stands {n} times" for text, n in counts.items() if n > 1)


def _halves(where: str, items: Sequence[dict[str, Any]]) -> Iterator[str]:
    counts = Counter(item["half"] for item in items)
    if set(counts) != set(HALVES) or counts["dev"] != counts["kept"]:
        yield f"{where}: the halves differ: {dict(counts)}"


def statements_faults() -> Iterator[str]:
    """Yield what is wrong with the labelled statements."""
    items = load("statements")["statements"]
    yield from _halves("statements", items)
    yield from _repeats("statements", [s["text"] for s in items])
    labels = {half: sum(len(s["facts"]) for s in of_half(items, half)) for half in HALVES}
    if labels["dev"] != labels["kept"]:
        yield f"statements: the halves have {labels} facts"
    for s in items:
        for fact in (*s["facts"], *s.get("optional", ())):
            if not {fact["type"], *fact.get("types", ())} <= TYPES or not {fact["claim"], *fact.get("claims", ())} <= CLAIMS:
                yield f"{s['id']}: {fact['type']}, {fact['claim']} is no type and claim"


def supersession_faults() -> Iterator[str]:
    """Yield what is wrong with the cases of supersession."""
    cases = load("supersession")
    yield from _halves("supersession", cases)
    yield from _repeats("supersession", [" / ".join(c["turns"]) for c in cases])
    for c in cases:
        for entry in (*c["valid"], *c["ended"]):
            if not (0 <= entry["turn"] < len(c["turns"])) or not says(c["turns"][entry["turn"]], entry["value"]):
                yield f"{c['id']}: turn {entry['turn']} does not say {entry['value']!r}"
        for question in c["questions"]:
            for value in (*question["expect"], *question["not_current"]):
                if not any(says(turn, value) for turn in c["turns"]):
                    yield f"{c['id']}: no turn says {value!r}"


def talks_faults() -> Iterator[str]:
    """Yield what is wrong with the talks."""
    talks = load("talks")
    yield from _halves("talks", talks)
    yield from _repeats("talks", [s for t in talks for s in sentences_of(t)])
    for t in talks:
        sizes = len(sentences_of(t)), len(t["questions"]), len(t["unanswerable"])
        if sizes != (25, 26, 20):
            yield f"{t['name']}: {sizes} sentences, questions and unanswerable ones, not 25, 26 and 20"
        yield from _repeats(t["name"], [*(q["ask"] for q in t["questions"]), *t["unanswerable"]])
        for q in t["questions"]:
            if not all(0 <= i < 25 for way in (q["evidence"], *q.get("or", ())) for i in way):
                yield f"{t['name']}: {q['ask']!r} has an index out of range"


def requests_faults() -> Iterator[str]:
    """Yield what is wrong with the requests."""
    items = load("requests")
    counts = Counter((r["kind"], r["language"]) for r in items)
    for language in ("en", "de", "es", "fr"):
        sizes = tuple(counts[kind, language] for kind in ("remember", "forget", "neither"))
        if sizes != (25, 25, 15):
            yield f"requests in {language}: {sizes}, not 25, 25 and 15"
    for kind in ("remember", "forget", "neither"):
        yield from _halves(kind, [r for r in items if r["kind"] == kind])
    yield from _repeats("requests", [r["text"] for r in items])
    for r in items:
        if r["kind"] == "remember" and not says(r["text"], r["keep"]):
            yield f"{r['id']}: does not say {r['keep']!r}"
        if r["kind"] == "forget" and not all(0 <= i < len(r["told"]) for i in r["forget"]):
            yield f"{r['id']}: an index is out of range"


def languages_faults() -> Iterator[str]:
    """Yield what is wrong with the statements and questions by language."""
    for language in load("languages"):
        name, statements, questions = language["language"], language["statements"], language["questions"]
        if len(statements) != 20 or sorted(q["answer"] for q in questions) != list(range(20)):
            yield f"{name}: not 20 statements with one question each"
        yield from _halves(name, questions)
        yield from _repeats(name, [*statements, *(q["ask"] for q in questions)])


def removed_faults() -> Iterator[str]:
    """Yield what is wrong with the dialogues for abstention."""
    dialogues = load("removed")
    for d in dialogues:
        if (len(d["statements"]), len(d["questions"])) != (60, 40):
            yield f"{d['name']}: not 60 statements and 40 questions"
        yield from _halves(d["name"], d["questions"])
        yield from _repeats(d["name"], [*d["statements"], *(q["ask"] for q in d["questions"])])
        if not all(q["evidence"] and all(0 <= i < 60 for i in q["evidence"]) for q in d["questions"]):
            yield f"{d['name']}: an index is out of range"


def faults() -> list[str]:
    """Return what is wrong with the sets; nothing where they keep their rules."""
    checks = (statements_faults, supersession_faults, talks_faults, requests_faults, languages_faults, removed_faults)
    return [fault for check in checks for fault in check()]
