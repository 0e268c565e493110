"""Sentence vectors of any embedding GGUF, by llama.cpp, batched across calls.

Texts that are too long are cut to what the model takes, its closing token kept. Fed by the command line with a file; feeds
whatever the memory embeds. A word of more than 100 characters becomes the unknown word, as BERT's own tokenizer has it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echorator._native.engine import Model
from echorator.cognition.embedders import Vectors
from echorator.engine.digest import file_digest
from echorator.engine.embed_queue import EmbedQueue
from echorator.settings import EngineSettings

BATCH = 64  # texts of one call to the queue
_LONG_WORD = re.compile(r"\w{101,}")
_UNKNOWN_WORD = "\u2603"  # a sign that is not in the vocabulary


class GgufEmbedder:
    """An `Embedder`; made by `open`."""

    def __init__(self, model: Model, settings: EngineSettings, digest: str) -> None:
        """`digest` of the file names the embedder, for other weights mean other vectors."""
        self.name = f"gguf-{digest.removeprefix('sha256:')[:16]}"
        self.dimension = model.info.embedding_length
        self.trust = 1.0
        self._model = model
        self._max_tokens = min(settings.batch_tokens, model.info.trained_context_tokens)
        self._wordpiece = model.info.architecture == "bert"
        self._queue = EmbedQueue(model, settings, "")

    @classmethod
    async def open(cls, path: Path, threads: int = 0) -> GgufEmbedder:
        """Load a file. Raises ModelFileError, ResourceError."""
        settings = EngineSettings(path, threads=threads, queue_limit=1 << 16)
        loop = asyncio.get_running_loop()
        model = await loop.run_in_executor(None, Model, settings, lambda _fraction: None)
        return cls(model, settings, await loop.run_in_executor(None, file_digest, path))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        parts = []
        for start in range(0, len(texts), BATCH):
            tokens = [self._tokens(text) for text in texts[start : start + BATCH]]
            parts.append(await self._queue.embed(tokens, True))
        return np.concatenate(parts) if parts else np.zeros((0, self.dimension), np.float32)

    def _tokens(self, text: str) -> list[int]:
        if self._wordpiece:
            text = _LONG_WORD.sub(_UNKNOWN_WORD, text)
        tokens = self._model.tokenize(text, True, False)
        if len(tokens) > self._max_tokens:
            tokens = [*tokens[: self._max_tokens - 1], tokens[-1]]
        return tokens

    async def close(self) -> None:
        """See `Embedder`."""
        await self._queue.close()
