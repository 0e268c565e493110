"""The labelled sentences of `data/`. Their author wrote the reader as well and saw what it read, so figures on them flatter it.

statements.jsonl: sentences with all facts that they state, [subject, attribute, value, type] and a claim where it is not "holds".
dialogues.jsonl: turns, the values that hold behind them, and those that have ended.
questions.jsonl: questions and the topics that they ask about. requests.jsonl, acts.jsonl: sentences and what they do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def labels(name: str) -> list[dict[str, Any]]:
    """Return the labelled sentences of a file of `data/`."""
    lines = (Path(__file__).parent / "data" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
