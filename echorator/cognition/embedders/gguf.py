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
from echorator.cognition.embedders.embedder import MOST_TOKENS, Embedded, Signs, Vectors
from echorator.cognition.text import words
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
        self._model = model
        self._pieces: dict[int, str] = {}  # token -> its text, with a space before it where it begins a word
        # Other models may transform what they have pooled, so that the vectors of their tokens are not alike.
        self._per_token = "bert" in model.info.architecture
        self._queue = EmbedQueue(model, settings, "", identity(settings.path), self._per_token)

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

    async def read(self, texts: Sequence[str]) -> Embedded:
        """Return vectors and tokens, in the order of the texts; see `Embedder.read`."""
        if not self._per_token:
            return Embedded.of(await self.embed(texts)) if texts else Embedded.of(np.zeros((0, self.dimension), np.float32))
        vectors: list[Vectors] = [np.zeros((0, self.dimension), np.float32)]
        kept: list[Signs] = []
        said: list[list[str]] = []
        for start in range(0, len(texts), BATCH):
            inputs = [await self._tokens(text) for text in texts[start : start + BATCH]]
            made, signs = await self._queue.read(inputs)
            vectors.append(made)
            for tokens, rows in zip(inputs, signs, strict=True):
                stems = self._stems(tokens)
                places = [place for place, stem in enumerate(stems) if stem][:MOST_TOKENS]
                kept.append(rows[places])
                said.append([stems[place] for place in places])
        return Embedded(np.concatenate(vectors), kept, said)

    def _stems(self, tokens: Sequence[int]) -> list[str]:
        """Return the stem of the word that each token is a part of; "" for special tokens, stop words and punctuation."""
        stems = [""] * len(tokens)
        word = ""
        places: list[int] = []
        for place, token in enumerate([*tokens, -1]):
            piece = self._piece(token) if token >= 0 else ""
            if not piece or piece[0].isspace() or not piece[0].isalnum():
                found = words(word)
                for at in places:
                    stems[at] = found[0] if found else ""
                word, places = "", []
            if piece:
                word += piece
                places.append(place)
        return stems

    def _piece(self, token: int) -> str:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._model.token_bytes(token).decode("utf-8", "replace")
        return piece

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
