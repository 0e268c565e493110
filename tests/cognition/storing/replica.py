"""One replica of a memory, as a process of its own: run as a script with a kind of store, its place and a name.

It reads commands from its standard input, a JSON object a line: `write` begins to write to three namespaces of its own and prints every
acknowledged text; `tell` is printed again, once a text of each namespace was acknowledged; `recall` has the texts of namespaces by user
and prints which of them are `missing`. Writes go on meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from typing import Any

from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from tests.cognition.storing.stores import store_at
from tests.support.waiting import eventually

NAMESPACES = 3


def tell(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


class Replica:
    def __init__(self, cognition: Cognition, name: str) -> None:
        self._cognition = cognition
        self._users = [f"{name}-{i}" for i in range(NAMESPACES)]
        self._written = dict.fromkeys(self._users, 0)

    async def write(self, user: str) -> None:
        """Remember one text after another, and print each that was acknowledged."""
        for i in count():
            text = f"The thing{i} of {user} is v{i}."
            await self._cognition.remember(Owner("t", "a", user), [Told(text)])
            tell(user=user, text=text)
            self._written[user] += 1

    async def missing(self, texts: dict[str, list[str]]) -> list[str]:
        """Return which of the texts of namespaces are not stored, or are not recalled among the last ones."""
        lost: list[str] = []
        for user, expected in texts.items():
            opened = await self._cognition.existing(Owner("t", "a", user))
            rows = await asyncio.to_thread(list, self._cognition.store.everything(opened.namespace, False))
            there = {m.text for m in rows}
            lost += [text for text in expected if text not in there]
            for text in expected[-3:]:
                answer = await self._cognition.recall(Owner("t", "a", user), Asked(text, 3))
                if text not in [r.memory.text for r in answer.memories]:
                    lost.append(f"not recalled: {text}")
        return lost

    async def run(self) -> None:
        writing: list[asyncio.Task[None]] = []
        while line := await asyncio.to_thread(sys.stdin.readline):
            said: dict[str, Any] = json.loads(line)
            if "write" in said:
                writing = [asyncio.create_task(self.write(user)) for user in self._users]
            if "tell" in said:
                await eventually(lambda: all(self._written.values()), "all namespaces have a text")
                tell(tell=said["tell"])
            if "recall" in said:
                tell(missing=await self.missing(said["recall"]))
            for task in writing:
                if task.done():
                    task.result()


async def main(kind: str, where: str, name: str) -> None:
    cognition = await Cognition.open(store_at(kind, where), HashedEmbedder(64), CognitionSettings(), None)
    tell(ready=name)
    await Replica(cognition, name).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
