"""The duty of converting JSON schemas to grammars, and of writing the grammars of tool calls, which contain schemas."""

from __future__ import annotations

import json
import pickle
from typing import Any

from echorator.prompting.child.frames import Frame
from echorator.prompting.dialects.call_grammar import call_grammar
from echorator.prompting.json_schema import grammar_of


class SchemaDuty:
    """A stateless converter of JSON schemas to grammars."""

    def open(self, _header: dict[str, Any], _body: bytes) -> Frame:
        """Return an empty reply: there is nothing to prepare."""
        return Frame({})

    def do(self, header: dict[str, Any], body: bytes) -> bytes:
        """Return the GBNF text of a schema, both as UTF-8; or, of the pickled arguments of `call_grammar`, its result as JSON.

        Raises InvalidRequestError.
        """
        if header["do"] == "calls":
            made = call_grammar(*pickle.loads(body))  # noqa: S301 of the process that started this one
            return json.dumps([made.gbnf, made.triggers] if made is not None else None).encode()
        return grammar_of(json.loads(body)).encode()


duty = SchemaDuty
