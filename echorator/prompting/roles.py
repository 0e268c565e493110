"""Says which roles of messages a chat template knows. Read by `agent.chat_prompt`.

Many templates write any role into the prompt as it is given, so that a misspelt one would reach the model, which was trained on none.
"""

from __future__ import annotations

import re

TURNS = frozenset({"system", "user", "assistant", "tool"})
OPENAI = TURNS | {"developer", "function"}  # the roles of OpenAI's API, which clients send whatever the template

_WORD = re.compile(r"\w+")


def word_of(role: str) -> str:
    """Return the first word of a role, which templates compare: Granite's "document" is followed by a number. "" for none."""
    found = _WORD.match(role)
    return found[0] if found else ""


def like(role: str) -> str:
    """Return a role that a template treats as this one; it is the same for all numbers of a document, so that one probe does for them."""
    word = word_of(role)
    return word if role == word else f"{word} 1"


def is_named(role: str, template: str) -> bool:
    """Return whether the role is one of OpenAI's, or its first word begins a quoted text of the template."""
    word = word_of(role)
    return role in OPENAI or (bool(word) and re.search(rf"""["'`]{word}\b""", template) is not None)
