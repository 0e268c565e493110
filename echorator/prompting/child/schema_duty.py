"""The duty of converting JSON schemas to grammars."""

from __future__ import annotations

import json
from typing import Any

from echorator.prompting.child.frames import Frame
from echorator.prompting.json_schema import grammar_of


class SchemaDuty:
    """A stateless converter of JSON schemas to grammars."""

    def open(self, _header: dict[str, Any], _body: bytes) -> Frame:
        """Return an empty reply: there is nothing to prepare."""
        return Frame({})

    def do(self, _header: dict[str, Any], body: bytes) -> bytes:
        """Return the GBNF text of a schema, both as UTF-8. Raises InvalidRequestError."""
        return grammar_of(json.loads(body)).encode()


duty = SchemaDuty
