"""Keeps what an embedder makes, so that a bench computes only recall again. Used by `prompted` and `understanding`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echorator.cognition.embedders.embedder import Embedded, Embedder, Signs, Vectors


class KeptVectors:
    """An embedder that embeds each text once, and in no run again where a file keeps what it made."""

    def __init__(self, embedder: Embedder, path: Path | None = None) -> None:
        """Read `path` where it exists; `close` writes it."""
        self._embedder, self._path = embedder, path
        self.name, self.dimension, self.trust = embedder.name, embedder.dimension, embedder.trust
        self._known: dict[str, tuple[Vectors, Signs, list[str]]] = {}
        self._fresh = False
        if path is not None and path.exists():
            with np.load(path) as kept:
                words, signs = json.loads(kept["words"].tobytes()), np.split(kept["signs"], kept["ends"][:-1])
                rows = zip(kept["vectors"], signs, words.values(), strict=True)
                self._known = dict(zip(words, rows, strict=True))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return (await self.read(texts)).vectors

    async def read(self, texts: Sequence[str]) -> Embedded:
        missing = list(dict.fromkeys(text for text in texts if text not in self._known))
        if missing:
            self._fresh = True
            made = await self._embedder.read(missing)
            self._known.update(zip(missing, zip(made.vectors, made.tokens, made.words, strict=True), strict=True))
        rows = [self._known[text] for text in texts]
        vectors = np.stack([v for v, _, _ in rows]) if rows else np.zeros((0, self.dimension), np.float32)
        return Embedded(vectors, [signs for _, signs, _ in rows], [words for _, _, words in rows])

    async def close(self) -> None:
        if self._fresh and self._path is not None:
            vectors, signs, words = zip(*self._known.values(), strict=True)
            np.savez(
                self._path,
                words=np.frombuffer(json.dumps(dict(zip(self._known, words, strict=True))).encode(), np.uint8),
                vectors=np.stack(vectors),
                signs=np.concatenate(signs),
                ends=np.cumsum([len(rows) for rows in signs]),
            )
        await self._embedder.close()
