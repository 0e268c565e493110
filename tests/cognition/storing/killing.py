"""Writes to a memory under SIGKILL: run as a script with a kind of store, its place and a number of rounds; prints a JSON report.

Each round forks a child that remembers, revises, updates, forgets and records turns, and tells through a pipe what was acknowledged; the
parent kills it at a random moment, opens the same place, and compares. A server may still carry out what a killed child sent it, so the
comparison of a shared store is repeated until it agrees, for as long as `SETTLED_S`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
from dataclasses import dataclass, field

import numpy as np

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.experiences import Turn
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.upkeep.checking import check
from tests.cognition.storing.stores import store_at
from tests.support.waiting import eventually

ROUNDS_EACH = 20  # of one namespace: what a round costs grows with the memories of those before it
CHECKED_EACH = 10  # rounds; a check reads the whole store
MOST_LINES = 30
LONGEST_S = 0.02  # from the last line that is waited for to the kill
STARTED_S = 30.0
SETTLED_S = 10.0

Place = tuple[str, str]  # the kind of store, and its folder or URL


async def _opened(place: Place) -> CognitionApi:
    return CognitionApi(await Cognition.open(store_at(*place), HashedEmbedder(64), CognitionSettings(), None))


@dataclass
class Known:
    """What was acknowledged of one owner's memories: the texts by id, and the ids of those that were forgotten."""

    owner: Owner
    kept: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


async def _write_until_killed(place: Place, owner: Owner, seed: int, pipe: int) -> None:
    rng = random.Random(seed)
    api = await _opened(place)
    cognition = api.cognition
    number = 0

    def tell(**said: object) -> None:
        os.write(pipe, json.dumps(said).encode() + b"\n")

    async def one() -> None:
        nonlocal number
        known: list[int] = []  # each worker changes its own, or their order would be anyone's guess
        while True:
            number += 1
            mine = number
            what = rng.random()
            if what < 0.5 or not known:
                texts = [f"The thing{seed}x{mine}x{i} is v{mine}." for i in range(rng.randint(1, 5))]
                ids, _ = await cognition.remember(owner, [Told(t) for t in texts])
                tell(kept={i: t for i, t in zip(ids, texts, strict=True)})
                known.extend(ids)
            elif what < 0.65:
                target = rng.choice(known)
                text = f"Updated{seed}x{mine} now."
                tell(trying=target)
                await cognition.update(owner, target, {"text": text})
                tell(kept={target: text})
            elif what < 0.9:
                target = known.pop(rng.randrange(len(known)))
                tell(trying=target)
                await cognition.forget(owner, [target])
                tell(gone=target)
            else:
                text = f"My number{seed}x{mine} is {mine}. Is it?"
                recorded = await api.experiences.record(owner, Turn(text, "Yes."))
                tell(kept={recorded.memory_ids[0]: text})

    await asyncio.gather(*(one() for _ in range(4)))


async def _verify(place: Place, known: Known, unsure: set[int], whole: bool) -> list[str]:
    """Return how the store differs from what is known of one owner, and with `whole` also what a check of the whole store finds."""
    api = await _opened(place)
    try:
        if not api.cognition.store.shared:
            return await _differences(api.cognition, known, unsure, whole)

        async def differences() -> list[str]:
            return await _differences(api.cognition, known, unsure, whole)

        return await eventually(differences, "the store agrees", SETTLED_S, wanted=lambda wrong: not wrong)
    except AssertionError as error:
        return [str(error)]
    finally:
        await api.close()


async def _differences(cognition: Cognition, known: Known, unsure: set[int], whole: bool) -> list[str]:
    kept = known.kept
    opened = await cognition.opened(known.owner)
    if opened is None:
        return ["the namespace is gone"] if kept else []
    rows = {m.id: m for m in cognition.store.everything(opened.namespace, True)}
    wrong = [f"{i} lost" for i in kept if i not in rows and i not in unsure]
    wrong += [
        f"{i} has another text: {rows[i].text!r}, not {text!r}"
        for i, text in kept.items()
        if i in rows and rows[i].text != text and i not in unsure
    ]
    wrong += [f"{i} is back" for i in known.gone if i in rows]
    if whole:
        findings, _ = await check(cognition, repair=False)
        wrong += [f.what for f in findings]
    if set(opened.index.labels().tolist()) != {i for i, m in rows.items() if m.lifecycle == 1}:
        wrong.append("the index has other memories than the store")
    for i in list(rows)[-3:]:
        answer = await cognition.recall(known.owner, Asked(rows[i].text, 3, superseded=True))
        if i not in {r.memory.id for r in answer.memories if np.isfinite(r.score)}:
            wrong.append(f"{i} is not recalled by its own text")
    return wrong


def main(place: Place, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    owners: list[Known] = []
    wrong: list[str] = []
    acknowledged = 0
    for round_ in range(rounds):
        if round_ % ROUNDS_EACH == 0:
            owners.append(Known(Owner("t", "a", f"u{len(owners)}", "s")))
        known = owners[-1]
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            try:
                asyncio.run(_write_until_killed(place, known.owner, round_, theirs))
            finally:
                os._exit(3)
        os.close(theirs)
        unsure: set[int] = set()  # a change of it was under way
        buffer = b""
        lines = rng.randint(1, MOST_LINES)  # told before the kill, so that a busy machine gets as far as a quiet one
        while buffer.count(b"\n") < lines:
            ready, _, _ = select.select([ours], [], [], STARTED_S)
            chunk = os.read(ours, 65536) if ready else b""
            if not chunk:
                wrong.append(f"round {round_}: the writer ended by itself, or wrote nothing for {STARTED_S} s")
                break
            buffer += chunk
        time.sleep(LONGEST_S * rng.random())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while chunk := os.read(ours, 65536):
            buffer += chunk
        os.close(ours)
        for line in buffer.split(b"\n")[:-1]:
            said = json.loads(line)
            acknowledged += 1
            if "trying" in said:
                unsure.add(said["trying"])
            for i, text in said.get("kept", {}).items():
                known.kept[int(i)] = text
                unsure.discard(int(i))
            if "gone" in said:
                known.gone.add(said["gone"])
                known.kept.pop(said["gone"], None)
                unsure.discard(said["gone"])
        whole = (round_ + 1) % CHECKED_EACH == 0
        wrong += [f"round {round_}: {what}" for what in asyncio.run(_verify(place, known, unsure, whole))]
        for i in unsure:  # whatever it is now, it stays so
            known.kept.pop(i, None)
    for known in owners:
        wrong += [f"user {known.owner.user}, at the end: {what}" for what in asyncio.run(_verify(place, known, set(), False))]
    kept, forgotten = sum(len(known.kept) for known in owners), sum(len(known.gone) for known in owners)
    print(json.dumps({"rounds": rounds, "acknowledged": acknowledged, "kept": kept, "forgotten": forgotten, "wrong": wrong}))


if __name__ == "__main__":
    main((sys.argv[1], sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
