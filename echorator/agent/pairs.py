"""Writes the tokens of a query and a document, as the reranker of one model reads them.

A reranker's file may name a template of its own (`tokenizer.chat_template.rerank`), in which "{query}" and "{document}" stand for the two
texts. Without one the two texts stand one behind the other, between the vocabulary's begin, end and separator tokens, in the order of
llama-server. In both forms control tokens that a text spells out are plain text, so that no document can write its own judgement. Fed by
`served_model`, feeds `reranking`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Mapping

from echorator._native.engine import Model
from echorator.agent.plain_texts import PlainTexts
from echorator.prompting.control_tokens import free_marks

TEMPLATE = "tokenizer.chat_template.rerank"
_PLACES = re.compile(r"\{(query|document)\}")


class Pairs:
    """The writer of one model's pairs."""

    def __init__(self, model: Model, texts: PlainTexts) -> None:
        """Keep the model, and the reader of its texts."""
        self._template = model.metadata().get(TEMPLATE, "")
        self._marks = model.marks()
        self._texts = texts

    async def each(self, query: str, documents: Iterable[str]) -> AsyncGenerator[list[int], None]:
        """Yield the token ids of each pair, in the order of the documents. Raises as the tokenizer."""
        first = [] if self._template else await self._texts.tokens_of(query)
        for document in documents:
            yield await self._templated(query, document) if self._template else await self._joined(first, document)
            await asyncio.sleep(0)  # short texts are tokenized without a pause: let other calls have their turn between them

    async def _joined(self, query: list[int], document: str) -> list[int]:
        marks = self._marks
        end = marks.eos if marks.eos >= 0 else marks.sep
        ends = [end] * (marks.add_eos and end >= 0)
        begins = [marks.bos] * (marks.add_bos and marks.bos >= 0)
        between = [marks.sep] * (marks.add_sep and marks.sep >= 0)
        return [*begins, *query, *ends, *between, *await self._texts.tokens_of(document), *ends]

    async def _templated(self, query: str, document: str) -> list[int]:
        control = await self._texts.control()
        (mark,) = free_marks(1, (self._template, query, document))
        tokens: list[int] = []
        text = filled(self._template, {"query": control.marked(query, mark), "document": control.marked(document, mark)})
        for piece in control.pieces(text, mark):
            tokens += [piece] if isinstance(piece, int) else await self._texts.tokens_of(piece)
        return tokens


def filled(template: str, texts: Mapping[str, str]) -> str:
    """Return the template with the texts in their places; a place that a text spells out stays as it is."""
    return _PLACES.sub(lambda place: texts[place[1]], template)
