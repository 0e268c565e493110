"""What is kept of one conversation between its turns: mood, focus, reservoir state, and the blocks that stand in its prompt.

The blocks are kept word for word, for the prefix cache of the engine lives on prompts that only grow: a client sends its
own messages, and the block of each earlier turn is put back where it was. Stored as JSON with each experience.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from echorator.cognition.affect import Affect
from echorator.cognition.memory import Vector

MAX_BLOCKS = 256  # of one conversation; the oldest go


@dataclass(frozen=True, slots=True)
class Block:
    """A block of memories that was put before a user's turn, or into the system turn (place -1)."""

    place: int  # of the message among those of the client
    digest: str  # of that message: a changed one is another conversation
    text: str
    ids: tuple[int, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class SessionState:
    """Frozen; each turn makes the next one."""

    mood: Affect = field(default_factory=Affect)
    mood_s: float = 0.0
    focus: tuple[tuple[int, float], ...] = ()  # memory id and strength, the strongest first
    state: Vector | None = None  # of the reservoir
    blocks: tuple[Block, ...] = ()

    def focused(self, ids: list[int], size: int, decay: float = 0.7) -> SessionState:
        """What was recalled now is in focus; what was before fades. Bounded: working memory."""
        strengths = {i: strength * decay for i, strength in self.focus}
        for i in ids:
            strengths[i] = strengths.get(i, 0.0) + 1.0
        kept = sorted(strengths.items(), key=lambda item: (-item[1], item[0]))[:size]
        return replace(self, focus=tuple(kept))

    def dumped(self) -> bytes:
        """As JSON."""
        state = None if self.state is None else base64.b64encode(self.state.astype(np.float16).tobytes()).decode()
        return json.dumps(
            {
                "mood": [self.mood.valence, self.mood.arousal, self.mood_s],
                "focus": self.focus,
                "state": state,
                "blocks": [[b.place, b.digest, b.text, b.ids, b.tokens] for b in self.blocks[-MAX_BLOCKS:]],
            },
            ensure_ascii=False,
        ).encode()

    @classmethod
    def loaded(cls, body: bytes) -> SessionState:
        """The other way; empty bytes are a new session. Raises ValueError where the bytes are something else."""
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
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a session's state cannot be read: {error}") from error


def digest_of(role: str, content: str) -> str:
    """Of a message."""
    return blake2b(f"{role}\0{content}".encode(), digest_size=12).hexdigest()
