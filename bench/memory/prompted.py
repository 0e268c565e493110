"""Measures which memories reach the prompt, through the calls that a chat makes, on chats and dialogues.

    python -m bench.memory.prompted --chats PATH/beam.json --dialogues PATH/locomo.json [--embedder minilm] [--vectors FILE]

Chats (BEAM's format): each turn of the user is recorded with `Experiences.record`; a question is answered by `Turns.build_context` with the
settings' values. A turn of evidence is in the prompt where any memory that was made of it is. Dialogues (LoCoMo's format): each turn is
remembered, as `bench.memory.retrieval` does. Recall@k counts distinct turns. `turns` are the same chats with each turn as one memory.

"AUROC" compares the highest confidence of a recall with that of the same recall after the evidence was erased. Twenty-five sentences of
our own and small talk (`bench.memory.natural`) are measured without any file. No data set is part of this project.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.memory.kept_vectors import KeptVectors
from bench.memory.natural import ASKED, SAID, SMALL_TALK
from bench.memory.retrieval import CATEGORIES, remember
from echorator._native.recall_index import RecallIndex
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.embedder import Embedder
from echorator.cognition.experiences import Experiences, Turn
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.context import Message
from echorator.cognition.recall.indexing import add_to_index
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.turns import Bounds, Turns
from echorator.host.opened_memory import embedder_of

KS = (5, 10, 25)
DEEPEST = 100  # memories of a recall, of which the first `k` distinct turns count
WEEK_S = 7 * 86_400.0


@dataclass(frozen=True)
class Question:
    text: str
    category: str
    evidence: frozenset[str]  # ids of turns


@dataclass
class Talk:
    """One user's memory, and what is asked of it."""

    owner: Owner
    turns_of: dict[int, set[str]]  # memory id -> ids of the turns that it was made of
    questions: list[Question]
    end_s: float


@dataclass
class Figures:
    """What was measured over the questions with evidence, one entry each."""

    in_prompt: list[float] = field(default_factory=list)
    memories: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    recall: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    by_category: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def row(self, name: str) -> str:
        cells = [f"{100 * np.mean(self.in_prompt):.1f}", f"{100 * np.mean([n == 0 for n in self.memories]):.1f}"]
        cells += [f"{np.mean(self.memories):.1f}", f"{np.mean(self.tokens):.0f}"]
        cells += [f"{100 * np.mean(self.recall[k]):.1f}" for k in KS]
        return f"| {name} | {' | '.join(cells)} |"


HEADER = "| talk | evidence in the prompt | no memory | memories | tokens | @5 | @10 | @25 |\n|---|---|---|---|---|---|---|---|"


async def recorded(experiences: Experiences, sample: dict[str, Any]) -> Talk:
    """Record all turns of a chat as its user's."""
    owner, made = Owner("bench", "chat", sample["sample_id"]), defaultdict(set)
    for turn in sample["turns"]:
        at = Owner(owner.tenant, owner.agent, owner.user, turn["session"])
        learned = await experiences.record(at, Turn(turn["text"], "", at_s=turn["said_s"]))
        for memory_id in learned.memory_ids:
            made[memory_id].add(turn["id"])
    return Talk(owner, made, _questions(sample), sample["turns"][-1]["said_s"] + WEEK_S)


async def whole(cognition: Cognition, sample: dict[str, Any]) -> Talk:
    """Remember each turn of a chat as one memory."""
    owner, made = Owner("bench", "turns", sample["sample_id"]), defaultdict(set)
    for turn in sample["turns"]:
        at = Owner(owner.tenant, owner.agent, owner.user, turn["session"])
        ids, _ = await cognition.remember(at, [Told(turn["text"], said_s=turn["said_s"])], now_s=turn["said_s"])
        made[ids[0]].add(turn["id"])
    return Talk(owner, made, _questions(sample), sample["turns"][-1]["said_s"] + WEEK_S)


def _questions(sample: dict[str, Any]) -> list[Question]:
    return [Question(q["question"], q["category"], frozenset(q["evidence"])) for q in sample["qa"] if q["evidence"]]


async def dialogue(cognition: Cognition, sample: dict[str, Any]) -> Talk:
    """Remember all turns of a dialogue of two."""
    told = await remember(cognition, sample)
    questions = [Question(q.text, CATEGORIES[q.category], q.evidence) for q in told.questions]
    return Talk(told.owner, {memory_id: {turn} for memory_id, turn in told.turn_of.items()}, questions, told.end_s)


async def measure(cognition: Cognition, turns: Turns, talks: Sequence[Talk]) -> Figures:
    """Ask every question, for a prompt and for a recall."""
    out = Figures()
    for talk in talks:
        for q in talk.questions:
            built = await turns.build_context(talk.owner, [Message("user", q.text)], "", Bounds(), now_s=talk.end_s)
            there = {turn for c in built.chosen for turn in talk.turns_of.get(c.recalled.memory.id, ())}
            share = len(q.evidence & there) / len(q.evidence)
            out.in_prompt.append(share)
            out.by_category[q.category].append(share)
            out.memories.append(len(built.chosen))
            out.tokens.append(built.block_tokens)
            answer = await cognition.recall(talk.owner, Asked(q.text, DEEPEST, now_s=talk.end_s, superseded=True))
            ranked = list(dict.fromkeys(t for r in answer.memories for t in sorted(talk.turns_of.get(r.memory.id, ()))))
            for k in KS:
                out.recall[k].append(len(q.evidence & set(ranked[:k])) / len(q.evidence))
    return out


async def abstention(cognition: Cognition, talks: Sequence[Talk], every: int) -> float:
    """Return the AUROC of the highest confidence: of questions whose evidence is there, against the same when it was erased."""
    present, erased = [], []
    for talk in talks:
        opened = await cognition.existing(talk.owner)
        index, rows = opened.index, list(cognition.store.scan(opened.namespace))
        for q in talk.questions[::every]:
            gone = {i for i, of in talk.turns_of.items() if of & q.evidence}
            present.append(await _confidence(cognition, talk, opened, q))
            opened.index = RecallIndex(index.dim)  # as it would be loaded from a store without the evidence
            add_to_index(opened.index, [m for m in rows if m.id not in gone], cognition.embedder_id)
            erased.append(await _confidence(cognition, talk, opened, q))
            opened.index = index
    pairs = np.array(present)[:, None] - np.array(erased)[None, :]
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


async def _confidence(cognition: Cognition, talk: Talk, opened: OpenNamespace, question: Question) -> float:
    answer = await cognition.recall_in(opened, Asked(question.text, 10, now_s=talk.end_s))
    return max((r.confidence for r in answer.memories), default=0.0)


async def natural(experiences: Experiences, turns: Turns) -> None:
    """Print how many questions have their sentence in the prompt, and how many memories small talk recalls."""
    owner = Owner("bench", "natural", "mia")
    made = [(await experiences.record(owner, Turn(text, "", at_s=1.75e9 + 60 * i))).memory_ids for i, text in enumerate(SAID)]
    found = []
    for text, place in ASKED:
        built = await turns.build_context(owner, [Message("user", text)], "", Bounds(), now_s=1.75e9 + WEEK_S)
        found.append(bool({c.recalled.memory.id for c in built.chosen} & set(made[place])))
    missed = [text for (text, _), there in zip(ASKED, found, strict=True) if not there]
    print(f"\nnatural sentences: {sum(found)} of {len(found)} in the prompt; missed: {missed}")
    chatted = []
    for text in SMALL_TALK:
        built = await turns.build_context(owner, [Message("user", text)], "", Bounds(), now_s=1.75e9 + WEEK_S)
        chatted.append(len(built.chosen))
    print(f"small talk recalls {np.mean(chatted):.2f} memories; none in {chatted.count(0)} of {len(chatted)}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=Path)
    parser.add_argument("--dialogues", type=Path)
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--vectors", type=Path, help="keep the vectors in this file (.npz) for the next run")
    parser.add_argument("--every", type=int, default=2, help="every how many questions are asked for the AUROC")
    arguments = parser.parse_args()
    embedder: Embedder = await embedder_of(arguments.embedder)
    if arguments.vectors:
        embedder = KeptVectors(embedder, arguments.vectors)
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(SqliteStore(Path(folder)), embedder, CognitionSettings(), None)
        turns, experiences = Turns(cognition), Experiences(cognition)
        chats = json.loads(arguments.chats.read_text()) if arguments.chats else []
        dialogues = json.loads(arguments.dialogues.read_text()) if arguments.dialogues else []
        groups: list[tuple[str, list[Any], Callable[[Any], Any]]] = [
            ("chats", chats, lambda sample: recorded(experiences, sample)),
            ("turns", chats, lambda sample: whole(cognition, sample)),
            ("dialogues", dialogues, lambda sample: dialogue(cognition, sample)),
        ]
        print(f"embedder {arguments.embedder}\n\n{HEADER}")
        details = []
        for name, samples, load in groups:
            if not samples:
                continue
            talks = [await load(sample) for sample in samples]
            figures = await measure(cognition, turns, talks)
            print(figures.row(name), flush=True)
            shares = ", ".join(f"{category} {100 * np.mean(found):.0f}" for category, found in figures.by_category.items())
            details.append(f"{name}: in the prompt by category: {shares}; AUROC {await abstention(cognition, talks, arguments.every):.3f}")
        print("\n" + "\n".join(details))
        await natural(experiences, turns)
        await cognition.close()


if __name__ == "__main__":
    asyncio.run(main())
