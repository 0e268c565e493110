"""The interface of embedders, which turn texts into unit vectors, and what they read of a text. `hashed` and `gguf` implement it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Signs = npt.NDArray[np.uint64]

MOST_TOKENS = 64  # of a text that are kept for late interaction: 48 bytes each with 384 dimensions


def sign_width(dimension: int) -> int:
    """Return how many numbers of 64 signs a token has."""
    return (dimension + 63) // 64


@dataclass(frozen=True, slots=True)
class Embedded:
    """What an embedder made of n texts: a vector of each, and the signs of the vectors of its tokens, without those of stop words.

    `tokens[i]` has the shape (t, sign_width(dimension)); `words[i]` has, for each of these t tokens, the stem of the word that it is a part
    of. t is 0 for every text where the embedder has no tokens.
    """

    vectors: Vectors  # (n, dimension)
    tokens: list[Signs]
    words: list[list[str]]

    @classmethod
    def of(cls, vectors: Vectors) -> Embedded:
        """Return vectors, (n, dimension), or a single one, without tokens."""
        rows = np.atleast_2d(vectors)
        return cls(rows, [np.zeros((0, sign_width(rows.shape[1])), np.uint64)] * len(rows), [[]] * len(rows))


class Embedder(Protocol):
    """A function from texts to vectors of unit length; equal `name` and `dimension` always mean equal vectors for a text."""

    name: str
    dimension: int
    trust: float  # scales the weight of the dense signal: how much a cosine says that words do not say already

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors, (n, dimension) float32, in the order of the texts; a text without any feature gets a zero vector."""
        ...

    async def read(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors as `embed` does, and the first `MOST_TOKENS` tokens of each text."""
        ...

    async def close(self) -> None:
        """Release the model and threads that the embedder holds."""
        ...
