"""Converts JSON schemas, and tools whose parameters they are, to grammars in a child process, and caches them.

Feeds the agent's `served_model`.
"""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from echorator.prompting.child.bounds import Bounds, Words
from echorator.prompting.child.frames import Frame
from echorator.prompting.child.lane import Lane
from echorator.prompting.dialects.call_grammar import CallGrammar, Choice
from echorator.prompting.dialects.dialect import Dialect, Tool

MOST_KEPT_BYTES = 4 << 20  # cached schemas and grammars together
_WORDS = Words("the conversion of the json_schema", "make the schema simpler")


class SchemaGrammars:
    """The cached grammars of one model's schemas; the child is started for the first one. All methods run on one event loop."""

    def __init__(self, timeout_s: float) -> None:
        """Prepare a lane; a conversion may take `timeout_s` seconds."""
        self._lane = Lane("schema", Frame({"do": "open"}), Bounds(job_s=timeout_s), _WORDS)
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._kept_bytes = 0

    async def grammar_of(self, schema: Mapping[str, Any]) -> str:
        """Return the GBNF text of a JSON schema.

        Raises:
            InvalidRequestError: see `json_schema.grammar_of`; or the conversion exceeds a bound.
            QueueFullError, ResourceError, DrainingError: see `Lane.do`.
        """
        return await self._made("convert", json.dumps(schema, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    async def calls_of(self, dialect: Dialect, tools: Sequence[Tool], choice: Choice, parallel: bool, opening: str) -> CallGrammar | None:
        """Return the grammar of the calls of tools. Arguments, result and errors are those of `call_grammar`, else as `grammar_of`."""
        plain = [Tool(tool.name, tool.parameters) for tool in tools]
        made = json.loads(await self._made("calls", pickle.dumps((dialect, plain, choice, parallel, opening))))
        return None if made is None else CallGrammar(made[0], tuple(made[1]))

    async def _made(self, duty: str, key: bytes) -> str:
        made = self._kept.get(key)
        if made is None:
            made = (await self._lane.do(Frame({"do": duty}, key))).decode()
            self._keep(key, made)
        else:
            self._kept.move_to_end(key)
        return made

    def _keep(self, key: bytes, grammar: str) -> None:
        if key not in self._kept:
            self._kept_bytes += len(key) + len(grammar)
        self._kept[key] = grammar
        while self._kept_bytes > MOST_KEPT_BYTES:
            old, text = self._kept.popitem(last=False)
            self._kept_bytes -= len(old) + len(text)

    async def close(self) -> None:
        """End the child and fail the conversions that wait."""
        await self._lane.close()
