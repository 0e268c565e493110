"""Corrects the words that ask a memory where they were typed with one letter lost, doubled or exchanged: "remeber", "delte"."""

from __future__ import annotations

import re

_ASKING = """remember forget delete please memory remove memorise memorize recuerda recuerdame recuerde olvida olvidate elimina vergiss
    speichere speicher notiere entferne oublie supprime efface souviens retiens enregistre rappelle""".split()
_WORDS = frozenset("members member deleted removed".split()) | frozenset(_ASKING)
_WORD = re.compile(r"[^\W\d_]{5,12}")


def _mistyped(word: str) -> set[str]:
    lost = {word[:i] + word[i + 1 :] for i in range(1, len(word) - 1)}
    doubled = {word[:i] + word[i] + word[i:] for i in range(len(word))}
    exchanged = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    return (lost | doubled | exchanged) - _WORDS


_MEANT = {wrong: word for word in _ASKING for wrong in _mistyped(word)} | {
    "rember": "remember",
    "remmeber": "remember",
    "pleese": "please",
    "pleas": "please",
    "forgett": "forget",
}


def corrected(sentence: str) -> str:
    """Return a sentence with the words that ask as they are spelt; the others are left as they are."""
    return _WORD.sub(lambda found: _MEANT.get(found[0].lower(), found[0]), sentence)
