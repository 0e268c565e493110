"""The embedder that needs no download.

It is the signed feature hashing of Weinberger et al. (2009) over word stems and character n-grams (as in
fastText, Bojanowski et al. 2017): its vectors are near for texts alike in spelling, not in meaning. `gguf` runs real models.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np

from echorator.cognition.embedders.embedder import Embedded, Vectors
from echorator.cognition.off_loop import off_loop
from echorator.cognition.text import TERMS_VERSION, plain, words

MAX_CHARS = 4096  # embedded characters of a text; the rest would change the mean over n-grams little


@lru_cache(maxsize=131_072)
def _place(feature: str, dimension: int) -> tuple[int, float]:
    code = crc32(feature.encode())
    return (code >> 1) % dimension, 1.0 if code & 1 else -1.0


class HashedEmbedder:
    """An embedder by feature hashing, without a model.

    A stem that occurs n times has weight 1 + ln n; its g character n-grams (3 to 5 long) have that weight / sqrt(g) each.
    """

    def __init__(self, dimension: int = 384) -> None:
        self.name = f"hashed-v{TERMS_VERSION}"  # its features are words of that version
        self.dimension = dimension
        self.trust = 0.3  # its features are those words that the lexical signal already scores

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors, (n, dimension) float32, as `Embedder.embed` says."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return await off_loop(sum(len(text[:MAX_CHARS]) for text in texts), lambda: np.stack([self.vector(text) for text in texts]))

    async def read(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors; there are no tokens, for words that are alike in spelling are alike in the vectors already."""
        return Embedded.of(await self.embed(texts))

    def vector(self, text: str) -> Vectors:
        """Return the unit vector of one text, shape (dimension,); zero for a blank text."""
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
        """Do nothing: the hashed embedder holds no resources."""
