"""The requests that the generators yield: bodies for the HTTP API."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Body:
    """A POST request to the HTTP API. `json` is sent unchanged, except that the name of the model is filled in."""

    path: str
    json: dict[str, Any]


def chat(chance: random.Random, **fields: Any) -> Body:
    """Return a short chat with further fields."""
    message = {"role": "user", "content": chance.choice(["hi", "Where is the fox?", "Tell me a story."])}
    base = {"messages": [message], "max_tokens": chance.choice([4, 16, 48]), "temperature": 1.0, "seed": chance.randrange(1 << 31)}
    return Body("/v1/chat/completions", base | fields)
