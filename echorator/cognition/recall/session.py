"""The state of one conversation between its turns: mood, focus, reservoir state, and the blocks that stand in its prompt.

The blocks are kept word for word, because the engine's prefix cache needs prompts that only grow: a client sends its
own messages, and the block of each earlier turn is put back where it was. Stored as JSON with each experience.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from echorator.cognition.memory import Vector
from echorator.cognition.reading.values import Fact, fact_object, fact_of_object
from echorator.cognition.recall.affect import Affect

MAX_BLOCKS = 256  # blocks of one conversation; beyond it the oldest are dropped


@dataclass(frozen=True, slots=True)
class Block:
    """A block of memories that was put before a user's turn, or into the system turn (place -1)."""

    place: int  # index of the message among the client's
    digest: str  # of that message: a changed message means another conversation
    text: str
    ids: tuple[int, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class SessionState:
    """The frozen state of a session; each turn makes the next one."""

    mood: Affect = field(default_factory=Affect)
    mood_s: float = 0.0
    focus: tuple[tuple[int, float], ...] = ()  # memory id and strength, the strongest first
    state: Vector | None = None  # state of the reservoir
    blocks: tuple[Block, ...] = ()
    facts: tuple[Fact, ...] = ()  # told last, the latest first: corrections and pronouns refer to them

    def focused(self, ids: list[int], size: int, decay: float = 0.7) -> SessionState:
        """Return the state with `ids` in focus: earlier strengths decay, and only the strongest `size` stay (working memory)."""
        strengths = {i: strength * decay for i, strength in self.focus}
        for i in ids:
            strengths[i] = strengths.get(i, 0.0) + 1.0
        kept = sorted(strengths.items(), key=lambda item: (-item[1], item[0]))[:size]
        return replace(self, focus=tuple(kept))

    def dumped(self) -> bytes:
        """Return the state as JSON, which `loaded` reads."""
        state = None if self.state is None else base64.b64encode(self.state.astype(np.float16).tobytes()).decode()
        return json.dumps(
            {
                "mood": [self.mood.valence, self.mood.arousal, self.mood_s],
                "focus": self.focus,
                "state": state,
                "blocks": [[b.place, b.digest, b.text, b.ids, b.tokens] for b in self.blocks[-MAX_BLOCKS:]],
                "facts": [fact_object(fact) for fact in self.facts],
            },
            ensure_ascii=False,
        ).encode()

    @classmethod
    def loaded(cls, body: bytes) -> SessionState:
        """Return the state that `dumped` wrote; a new session for empty bytes. Raises ValueError for any other bytes."""
        if not body:
            return cls()
        try:
            said = json.loads(body)
            valence, arousal, mood_s = said["mood"]
            state = said["state"]
            return cls(
                Affect(valence, arousal),
                mood_s,
                tuple((int(i), float(s)) for i, s in said["focus"]),
                None if state is None else np.frombuffer(base64.b64decode(state), np.float16).astype(np.float32),
                tuple(Block(place, digest, text, tuple(ids), tokens) for place, digest, text, ids, tokens in said["blocks"]),
                tuple(map(fact_of_object, said.get("facts", ()))),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a session's state cannot be read: {error}") from error


def digest_of(role: str, content: str) -> str:
    """Return a digest of a message's role and content."""
    return blake2b(f"{role}\0{content}".encode(), digest_size=12).hexdigest()
