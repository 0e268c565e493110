"""Measures evidence recall@k of the memory on long dialogues (LoCoMo's format), with the ablation of its signals.

    python -m bench.memory.retrieval PATH/locomo.json [--embedder minilm]

Every turn is remembered as a client would: speaker, text (with the caption of its picture), session, date. Every question with
evidence is asked; recall@k is the share of its evidence turns among the first k, the mean over questions. One setting for
all. The data (LoCoMo, Maharana et al., ACL 2024, CC BY-NC 4.0) is not part of this project.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.memory.kept_vectors import KeptVectors
from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.confidence import expected_calibration_error, fit
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings, Weights
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.host.opened_memory import embedder_of

KS = (5, 10, 25)
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop", 5: "adversarial"}
NOTHING = Weights(**{f.name: 0.0 for f in fields(Weights)})
DEFAULT = Weights()
FUSED = replace(NOTHING, dense=1.0, lexical=0.75)
ABLATION: dict[str, Weights] = {
    "dense alone": replace(NOTHING, dense=1.0),
    "lexical alone": replace(NOTHING, lexical=1.0),
    "tokens alone": replace(NOTHING, tokens=1.0),
    "dense + lexical": FUSED,
    "+ tokens": replace(FUSED, tokens=1.0),
    "+ neighbours": replace(FUSED, tokens=1.0, neighbours=0.4),
    "+ session": replace(FUSED, tokens=1.0, neighbours=0.4, session=0.3),
    "+ form": replace(FUSED, tokens=1.0, neighbours=0.4, session=0.3, form=1.0),
    "all (default)": DEFAULT,
    **{f"all - {name}": replace(DEFAULT, **{name: 0.0}) for name in ("neighbours", "session", "tokens", "form", "fact")},
    **{f"all + {name}": replace(DEFAULT, **{name: 0.1}) for name in ("association", "activation", "importance")},
}


@dataclass(frozen=True)
class Question:
    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True)
class Dialogue:
    name: str
    owner: Owner
    turn_of: dict[int, str]  # memory id -> id of the turn
    questions: list[Question]
    end_s: float


def _when(text: str) -> float:
    return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).timestamp()


def _evidence(ids: Sequence[str], known: set[str]) -> frozenset[str]:
    found = {f"D{int(a)}:{int(b)}" for text in ids for a, b in re.findall(r"D:?(\d+):(\d+)", text)}
    return frozenset(found & known)


async def remember(cognition: Cognition, sample: dict[str, Any]) -> Dialogue:
    """Remember all turns, session by session; return the dialogue with the evidence that resolves to turns."""
    talk = sample["conversation"]
    owner = Owner("bench", "locomo", sample["sample_id"])
    turn_of: dict[int, str] = {}
    end_s = 0.0
    for number in sorted(int(key.split("_")[1]) for key in talk if re.fullmatch(r"session_\d+", key)):
        at_s = _when(talk[f"session_{number}_date_time"])
        told, ids = [], []
        for i, turn in enumerate(talk[f"session_{number}"]):
            caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
            told.append(Told(turn["text"] + caption, speaker=turn["speaker"], said_s=at_s + i))
            ids.append(turn["dia_id"])
        made, _ = await cognition.remember(replace(owner, session=str(number)), told, now_s=at_s + len(told))
        turn_of |= dict(zip(made, ids, strict=True))
        end_s = max(end_s, at_s)
    asked = [q for q in sample["qa"] if _evidence(q.get("evidence") or (), set(turn_of.values()))]
    known = set(turn_of.values())
    questions = [Question(q["question"], q["category"], _evidence(q["evidence"], known)) for q in asked]
    return Dialogue(sample["sample_id"], owner, turn_of, questions, end_s + 7 * 86_400)


async def measure(cognition: Cognition, dialogues: Sequence[Dialogue], weights: Weights) -> dict[tuple[str, int], list[float]]:
    """Return (row, k) -> recall of each question; rows are "all", the categories and the dialogues."""
    found: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for d in dialogues:
        for q in d.questions:
            asked = Asked(q.text, max(KS), weights=weights, now_s=d.end_s, superseded=True)
            turns = [d.turn_of[r.memory.id] for r in (await cognition.recall(d.owner, asked)).memories]
            for k in KS:
                share = len(q.evidence & set(turns[:k])) / len(q.evidence)
                for row in ("all", CATEGORIES[q.category], d.name):
                    found[row, k].append(share)
    return found


async def calibration(cognition: Cognition, dialogues: Sequence[Dialogue]) -> None:
    """Fit the confidence to feedback on every other question and print its reliability by tenths on the rest."""
    rows: list[tuple[float, float, bool, int]] = []
    for d in dialogues:
        for i, q in enumerate(d.questions):
            answer = await cognition.recall(d.owner, Asked(q.text, 10, now_s=d.end_s, superseded=True))
            rows += [(r.fit, r.confidence, d.turn_of[r.memory.id] in q.evidence, i % 2) for r in answer.memories]
    table = np.array(rows, np.float64)
    half, rest = table[table[:, 3] == 0], table[table[:, 3] == 1]
    curve = fit(half[:, 0], half[:, 2])
    confident = curve.confidence(rest[:, 0])
    print(
        f"\nconfidence of the first 10: expected calibration error {expected_calibration_error(table[:, 1], table[:, 2]):.3f} as shipped,"
    )
    print(f"{expected_calibration_error(confident, rest[:, 2]):.3f} after feedback on every other question (measured on the rest)\n")
    print("| confidence | memories | said | relevant |\n|---|---|---|---|")
    for low in np.arange(0, 1, 0.1):
        inside = (confident >= low) & (confident < low + 0.1)
        if inside.any():
            print(f"| {low:.1f}-{low + 0.1:.1f} | {inside.sum()} | {confident[inside].mean():.2f} | {rest[inside, 2].mean():.2f} |")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--embedder", default="minilm")
    arguments = parser.parse_args()
    samples = json.loads(arguments.data.read_text())
    with tempfile.TemporaryDirectory() as folder:
        embedder = KeptVectors(await embedder_of(arguments.embedder))
        cognition = await Cognition.open(SqliteStore(Path(folder)), embedder, CognitionSettings(), None)
        dialogues = [await remember(cognition, sample) for sample in samples]
        turns = sum(len(d.turn_of) for d in dialogues)
        questions = sum(len(d.questions) for d in dialogues)
        print(f"{len(dialogues)} dialogues, {turns} turns, {questions} questions, embedder {arguments.embedder}\n")
        names = list(CATEGORIES.values())
        print(f"| signals | @5 | @10 | @25 | {' | '.join(f'{n} @10' for n in names)} |\n|{'---|' * (4 + len(names))}")
        for label, weights in ABLATION.items():
            found = await measure(cognition, dialogues, weights)
            cells = [f"{100 * np.mean(found['all', k]):.1f}" for k in KS] + [f"{100 * np.mean(found[n, 10]):.0f}" for n in names]
            print(f"| {label} | {' | '.join(cells)} |", flush=True)
        print("\nby dialogue @10: " + ", ".join(f"{d.name} {100 * np.mean(found[d.name, 10]):.1f}" for d in dialogues))
        await calibration(cognition, dialogues)
        await cognition.close()


if __name__ == "__main__":
    asyncio.run(main())
