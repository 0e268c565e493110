"""Measures in how many of its languages the memory finds what it was told.

    python -m bench.memory.languages [--embedder hashed]

Each language has statements and a question for each, as a person would say them, in `languages.json` (written for this bench). All
statements of all languages are remembered in one namespace and each question is asked there; then each language once more in a
namespace of its own. Printed is how many questions have their statement among the first 1, 3 and 5, and, for all in one
namespace, by words alone and by vectors alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.memory.retrieval import NOTHING
from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings, Weights
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.host.opened_memory import embedder_of

DATA = Path(__file__).with_suffix(".json")
KS = (1, 3, 5)
NOW_S = 1_764_000_000.0
ROWS: dict[str, Weights | None] = {
    "words alone": replace(NOTHING, lexical=1.0),
    "vectors alone": replace(NOTHING, dense=1.0),
    "all signals": None,
}

Pairs = Sequence[tuple[str, str]]
"""Statements, and the question that each answers."""


async def remembered(cognition: Cognition, owner: Owner, told: Pairs) -> None:
    """Remember the statements, a minute after one another."""
    said = [Told(statement, said_s=NOW_S + 60 * i) for i, (statement, _) in enumerate(told)]
    await cognition.remember(owner, said, NOW_S + 60 * len(said))


async def found(cognition: Cognition, owner: Owner, asked: Pairs, weights: Weights | None) -> list[int]:
    """Return how many of the questions have their statement among the first k, for each of `KS`."""
    counts = [0] * len(KS)
    for statement, question in asked:
        # One namespace has the lives of ten people: a later home ends an earlier one.
        asking = Asked(question, max(KS), weights=weights, now_s=NOW_S + 86_400, superseded=True)
        answer = await cognition.recall(owner, asking)
        texts = [r.memory.text for r in answer.memories]
        for i, k in enumerate(KS):
            counts[i] += statement in texts[:k]
    return counts


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="hashed")
    parser.add_argument("--data", type=Path, default=DATA, help="a JSON object: language -> list of [statement, question]")
    arguments = parser.parse_args()
    pairs: dict[str, Pairs] = {name: [(a, b) for a, b in rows] for name, rows in json.loads(arguments.data.read_text()).items()}
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(SqliteStore(Path(folder)), await embedder_of(arguments.embedder), CognitionSettings(), None)
        together = Owner("bench", "languages", "all")
        for told in pairs.values():
            await remembered(cognition, together, told)
        print(f"embedder {arguments.embedder}; {sum(map(len, pairs.values()))} statements; questions answered by the first 1 / 3 / 5\n")
        print(f"| language | questions | {' | '.join(ROWS)} | in a namespace of its own |\n{'|---' * (3 + len(ROWS))}|")
        for name, told in pairs.items():
            cells = [await found(cognition, together, told, weights) for weights in ROWS.values()]
            alone = replace(together, user=name)
            await remembered(cognition, alone, told)
            cells.append(await found(cognition, alone, told, None))
            print(f"| {name} | {len(told)} | {' | '.join(' / '.join(map(str, cell)) for cell in cells)} |", flush=True)
        await cognition.close()


if __name__ == "__main__":
    asyncio.run(main())
