"""From texts to unit vectors: the interface, and the embedder that needs nothing to be downloaded.

The hashed embedder is the signed feature hashing of Weinberger et al. (2009) over word stems and character n-grams (as in
fastText, Bojanowski et al. 2017): near in spelling, not in meaning. `gguf_embedder` has those of real models.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol
from zlib import crc32

import numpy as np
import numpy.typing as npt

from echorator.cognition.text import plain, words

Vectors = npt.NDArray[np.float32]
MAX_CHARS = 4096  # of a text; the rest changes a mean over n-grams little


class Embedder(Protocol):
    """Vectors of unit length; the same name and dimension always mean the same vectors."""

    name: str
    dimension: int
    trust: float  # scales the weight of the dense signal: how much a cosine says that words do not say already

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, in order; a text without any feature is a zero vector."""
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


@lru_cache(maxsize=131_072)
def _place(feature: str, dimension: int) -> tuple[int, float]:
    code = crc32(feature.encode())
    return (code >> 1) % dimension, 1.0 if code & 1 else -1.0


class HashedEmbedder:
    """Stems count 1, character n-grams of 3 to 5 of the words share 1; frequencies go by 1 + ln."""

    def __init__(self, dimension: int = 384) -> None:
        self.name = "hashed-v1"
        self.dimension = dimension
        self.trust = 0.3  # it sees the same words as the lexical signal does

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        return np.stack([self.vector(text) for text in texts]) if texts else np.zeros((0, self.dimension), np.float32)

    def vector(self, text: str) -> Vectors:
        """Of one text, shape (dimension,)."""
        out = np.zeros(self.dimension, np.float32)
        text = text[:MAX_CHARS]
        stems = Counter(words(text)) or Counter(plain(text).split())
        for stem, count in stems.items():
            weight = 1.0 + math.log(count)
            self._add(out, f"w:{stem}", weight)
            padded = f"<{stem}>"
            grams = [padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1)]
            for gram in grams:
                self._add(out, gram, weight / math.sqrt(len(grams)))
        length = float(np.sqrt(out @ out))
        return out / length if length else out

    def _add(self, out: Vectors, feature: str, weight: float) -> None:
        place, sign = _place(feature, self.dimension)
        out[place] += sign * weight

    async def close(self) -> None:
        """See `Embedder`."""
