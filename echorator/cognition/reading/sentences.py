"""The sentences of a text, and the passages that a chat's turn is remembered by. Pure."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?\n]*")
_ABBREVIATED = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|etc|e\.g|i\.e)\.$")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, without surrounding space; "Dr." and the like end no sentence."""
    found: list[str] = []
    for match in _SENTENCE.finditer(text):
        part = match.group().strip()
        if part and found and _ABBREVIATED.search(found[-1]):
            found[-1] = f"{found[-1]} {part}"
        elif part:
            found.append(part)
    return found


def passages(text: str) -> list[str]:
    """Return what becomes one memory each of a chat's turn: its sentences, word for word, none left out."""
    return sentences(text)
