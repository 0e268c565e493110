"""Schemas and texts of the other generators as bodies of HTTP requests."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from bench.hostile.requests import Body, chat
from bench.hostile.schemas import schemas as hostile_schemas
from bench.hostile.templates import texts as hostile_texts

AT_ONCE = 1000  # that a generator makes of one seed


def schemas(seed: int) -> Iterator[Body]:
    """Yield requests whose answers have to be valid under ordinary, hostile, huge and malformed schemas."""
    chance = random.Random(seed)
    for number in itertools.count(seed):
        for _, schema in hostile_schemas(AT_ONCE, number):
            form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
            yield chat(chance, response_format=form)


def texts(seed: int) -> Iterator[Body]:
    """Yield chats with messages that take tokenizers long, or overflow their stack."""
    chance = random.Random(seed)
    for number in itertools.count(seed):
        for text in hostile_texts(AT_ONCE, seed=number):
            yield chat(chance, messages=[{"role": "user", "content": text}])
