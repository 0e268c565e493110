"""Sentence vectors of any GGUF embedding model, computed by llama.cpp in batches across calls.

Texts that are too long are cut to what the model takes, with the closing token kept. For BERT models a word of more than 100
characters becomes the unknown word, as in BERT's own tokenizer. The command line opens it with a file; `cognition` embeds with it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echorator._native.engine import Model
from echorator.cognition.embedders.hashed import Vectors
from echorator.engine.digest import file_digest, identity
from echorator.engine.embed_queue import EmbedQueue
from echorator.engine.llama_log import forward_log
from echorator.engine.weights_file import check_kind
from echorator.prompting.text_tokenizer import TextTokenizer
from echorator.settings import EngineSettings

BATCH = 64  # texts in one call to the embed queue
# Threads of llama.cpp wait for each other by spinning: beside an engine, which computes all the time, 200 turns took 28.5 s with two
# threads and 5.2 s with one. On an idle machine two are 1.8 times as fast.
THREADS = 1
_LONG_WORD = re.compile(r"\w{101,}")
_UNKNOWN_WORD = "\u2603"  # a snowman, which is not in the vocabulary


class GgufEmbedder:
    """An `Embedder` that runs one GGUF model; made by `open`."""

    def __init__(self, model: Model, settings: EngineSettings, tokenizer: TextTokenizer, digest: str) -> None:
        """Use `open` instead. The file's `digest` names the embedder, because other weights give other vectors."""
        self.name = f"gguf-{digest.removeprefix('sha256:')[:16]}"
        self.dimension = model.info.embedding_length
        self.trust = 1.0
        self._tokenizer = tokenizer
        self._max_tokens = min(settings.batch_tokens, model.info.trained_context_tokens)
        self._wordpiece = model.info.architecture == "bert"
        self._queue = EmbedQueue(model, settings, "", identity(settings.path))

    @classmethod
    async def open(cls, path: Path, threads: int = THREADS) -> GgufEmbedder:
        """Load an embedding model from a file; `threads` is as in `EngineSettings`. Raises ModelFileError, ResourceError."""
        settings = EngineSettings(path, threads=threads, queue_limit=1 << 16)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, check_kind, path)
        forward_log()

        def build() -> tuple[Model, TextTokenizer]:
            model = Model(settings, lambda _fraction: None)
            return model, TextTokenizer(model, settings)

        model, tokenizer = await loop.run_in_executor(None, build)
        return cls(model, settings, tokenizer, await loop.run_in_executor(None, file_digest, path))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors, (n, dimension) float32, in the order of the texts; calls send `BATCH` texts at a time to the queue."""
        parts = []
        for start in range(0, len(texts), BATCH):
            tokens = [await self._tokens(text) for text in texts[start : start + BATCH]]
            parts.append(await self._queue.embed(tokens, True))
        return np.concatenate(parts) if parts else np.zeros((0, self.dimension), np.float32)

    async def _tokens(self, text: str) -> list[int]:
        if self._wordpiece:
            text = _LONG_WORD.sub(_UNKNOWN_WORD, text)
        tokens = await self._tokenizer.tokenize(text, True, False)
        if len(tokens) > self._max_tokens:
            tokens = [*tokens[: self._max_tokens - 1], tokens[-1]]
        return tokens

    async def close(self) -> None:
        """Close the embed queue, then the tokenizer."""
        await self._queue.close()
        await self._tokenizer.close()
