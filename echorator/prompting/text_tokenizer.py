"""Tokenizes a text at once, on a thread or in a child process, depending on its length and on the model's tokenizer.

llama.cpp splits texts by hand-written code for some models and by std::regex for others, which recurses for every
character of a run (328 bytes of stack each; the tests try every pre-tokenizer on a small stack), and takes quadratic
time for some. Special tokens cost quadratic time for every model. So only short texts are tokenized in this process. A text
that cannot fit is refused before it is tokenized at all. Feeds the agent's `served_model` and the memory's `embedders.gguf`.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from echorator._native.engine import Model
from echorator.engine.digest import identity
from echorator.errors import ContextOverflowError, InvalidRequestError
from echorator.prompting.child.bounds import Bounds, Words
from echorator.prompting.child.frames import Frame
from echorator.prompting.child.lane import Lane
from echorator.settings import EngineSettings

LONGEST_TEXT_BYTES = 32 << 20
LONGEST_TOKENS = 8 << 20  # in one call of `detokenize`
SHORT_BYTES = 16 * 1024  # texts up to this size use the first child, longer ones a second child, so that they do not delay the short ones
_MEMORY_BYTES = 3 << 30
_GENTLE_S = 0.5  # longer than the default, since a child that is replaced has to read the vocabulary again
_NICE_OF_LONG = 10  # a tenth of the processor time that others get where they need it: long texts delay no decode step
_BYTE_S = 4e-6  # seconds for a byte of text: four times what the slowest pre-tokenizer takes for ordinary text
_WORDS = Words("the tokenizer of the model", "send a shorter text, or break up its long runs of equal characters")


@dataclass(frozen=True)
class Reach:
    """The longest texts, in characters, that are tokenized in this process: `inline` at once, `thread` on a thread."""

    inline: int
    thread: int


# Split by hand-written code, or by a regular expression that matches one character: no recursion, 16,384 characters in less than 0.2 s.
_PLAIN_REACH = Reach(1024, 16_384)
# std::regex: 1,024 characters need 336 KB of stack (a thread has 2 MB at least) and 30 ms at most.
_REGEX_REACH = Reach(0, 1024)
# Quadratic (deepseek-llm, superbpe), or with assertions about the text (those that keep spaces), or unknown.
_CHILD_REACH = Reach(0, 0)
_PLAIN = frozenset(
    "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano mpt starcoder gpt-2 phi-2 jina-es jina-de gigachat "
    "jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code roberta-bpe refact command-r qwen2 deepseek-r1-qwen kormo "
    "f2llmv2 qwen35 stablelm2 olmo dbrx smaug-bpe chatglm-bpe glm4 glm5 jais smollm codeshell exaone exaone4 minerva-7b megrez "
    "granite-embed-multi-311m trillion granite-docling hunyuan kimi-k2 grok-2 laguna solar-open mellum2".split()
)
_REGEX = frozenset(
    "default deepseek-coder deepseek-v3 spark2_5 youtu falcon poro-chat viking jais-2 tekken bloom gpt3-finnish exaone-moe chameleon "
    "gpt-4o llama4 kanana2 talkie granite-embed-multi-97m tiny_aya cohere2moe bailingmoe bailingmoe2 llada-moe seed-coder hunyuan-dense "
    "hy_v4 joyai-llm ufakzeka afmoe minimax-m2 minicpm5".split()
)
_WITHOUT_SPLITTER = frozenset(("llama", "bert"))  # SentencePiece's merges, WordPiece
_LOSSLESS = frozenset(("gpt2", "llama", "gemma4"))  # tokenizers that drop no character of a text, where every byte has a token


def reach_of(kind: str, splitter: str) -> Reach:
    """Return the reach of a tokenizer by the metadata `tokenizer.ggml.model` and `tokenizer.ggml.pre`."""
    if kind in _WITHOUT_SPLITTER or (kind == "gpt2" and splitter in _PLAIN):
        return _PLAIN_REACH
    return _REGEX_REACH if kind == "gpt2" and (splitter or "default") in _REGEX else _CHILD_REACH


class TextTokenizer:
    """The tokenizer of one loaded model. All methods run on one event loop; call `close` at the end."""

    def __init__(self, model: Model, settings: EngineSettings) -> None:
        """Prepare the children's lanes; `settings` has the file and the seconds that a text may take."""
        metadata = model.metadata()
        kind, splitter = metadata.get("tokenizer.ggml.model", ""), metadata.get("tokenizer.ggml.pre", "")
        self.reach = reach_of(kind, splitter)
        longest, spells = model.token_sizes()
        self._longest_token = longest if spells and kind in _LOSSLESS else 0
        self._model = model
        opening = Frame({"do": "open", "path": str(settings.path), "identity": identity(settings.path)})
        bounds = Bounds(job_s=settings.child_timeout_s, byte_s=_BYTE_S, gentle_s=_GENTLE_S, memory_bytes=_MEMORY_BYTES)
        self._short = Lane("tokenizer", opening, bounds, _WORDS)
        self._long = Lane("tokenizer", opening, replace(bounds, nice=_NICE_OF_LONG), _WORDS)

    def least_tokens(self, size_bytes: int) -> int:
        """Return the least number of tokens of a text of `size_bytes`, from the length of the longest token."""
        return -(-size_bytes // self._longest_token) if self._longest_token else 0

    async def tokenize(
        self, text: str, add_special: bool, parse_special: bool, most_tokens: int = 0, called: str = "the text"
    ) -> list[int]:
        """Return the token ids of a text.

        Args:
            text: the text, of at most LONGEST_TEXT_BYTES as UTF-8.
            add_special: adds the tokens that the model wants at the beginning and the end.
            parse_special: turns special tokens that are spelled out in the text into those tokens.
            most_tokens: the most tokens that the caller can use; 0: any number.
            called: the name of the text in errors.

        Raises:
            ContextOverflowError: the text certainly has more than `most_tokens`, by its length alone.
            InvalidRequestError: the text is too long, or the tokenizer crashes on it or takes too long.
            QueueFullError, ResourceError, DrainingError: see `Lane.do`.
        """
        if len(text) <= self.reach.inline:
            return self._model.tokenize(text, add_special, parse_special)
        data = _encoded(text)
        least = self.least_tokens(len(data))
        if most_tokens and least > most_tokens:
            raise ContextOverflowError(
                f"{called} has {len(data)} bytes and so at least {least} tokens, but at most {most_tokens} fit; shorten it",
                least,
                most_tokens,
            )
        if len(text) <= self.reach.thread:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, self._model.tokenize, text, add_special, parse_special)
        asked = Frame({"do": "tokenize", "add_special": add_special, "parse_special": parse_special}, data)
        return array("i", await self._lane(len(data)).do(asked)).tolist()

    async def detokenize(self, tokens: Sequence[int], special: bool) -> str:
        """Return the text of token ids, which must be in the vocabulary. Raises as `tokenize` does."""
        if len(tokens) <= _PLAIN_REACH.inline:
            return self._model.detokenize(tokens, special)
        if len(tokens) > LONGEST_TOKENS:
            raise InvalidRequestError(f"tokens: at most {LONGEST_TOKENS} in one call, not {len(tokens)}")
        asked = Frame({"do": "detokenize", "special": special}, array("i", tokens).tobytes())
        return (await self._lane(len(asked.body)).do(asked)).decode()

    def _lane(self, size_bytes: int) -> Lane:
        return self._short if size_bytes <= SHORT_BYTES else self._long

    async def close(self) -> None:
        """End both children and fail the texts that wait."""
        await self._short.close()
        await self._long.close()


def _encoded(text: str) -> bytes:
    if len(text) <= LONGEST_TEXT_BYTES:
        data = text.encode()
        if len(data) <= LONGEST_TEXT_BYTES:
            return data
    raise InvalidRequestError(f"the text is longer than {LONGEST_TEXT_BYTES} bytes; send a shorter one")
