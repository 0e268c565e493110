"""Compiles and renders a model's chat template in child processes of its own.

The template came with an untrusted file: it may loop, or take all memory; then this model's chats are refused, and
nothing else is affected. Long conversations have a second child, so that short ones do not wait for them.
Feeds the agent's `served_model`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from echorator.errors import TemplateError
from echorator.prompting.child.bounds import Bounds, Words
from echorator.prompting.child.frames import Frame
from echorator.prompting.child.lane import Lane

_log = logging.getLogger(__name__)

LONG_BYTES = 256 * 1024  # size of messages and arguments as JSON above which the second child renders
_WORDS = Words("the chat template of the model", "check the messages, or use Generate with a prompt of your own", TemplateError)


class ModelTemplate:
    """The chat template of one model. All methods run on one event loop; call `start`, and `close` at the end."""

    def __init__(self, jinja: str, go: str, bos: str, eos: str, timeout_s: float, nice: int = 0) -> None:
        """Keep the sources and the children's bounds.

        Args:
            jinja: a template in Jinja; "" for none.
            go: a template of Go, which is preferred to `jinja`; "" for none.
            bos: text of the begin token.
            eos: text of the end token.
            timeout_s: CPU seconds that a render may take; compiling may take five times as long.
            nice: how far the children give way to other processes, see setpriority(2).
        """
        self._jinja = jinja
        self._go = go
        self._told = False
        opening = Frame({"do": "open"}, json.dumps({"jinja": jinja, "go": go, "bos": bos, "eos": eos}).encode())
        bounds = Bounds(job_s=timeout_s, nice=nice)
        self._short = Lane("template", opening, bounds, _WORDS)
        self._long = Lane("template", opening, bounds, _WORDS)

    def start(self) -> None:
        """Compile the template, so that the first chat does not wait for it."""
        self._short.start()

    @property
    def source(self) -> str:
        """Return the template's source: Go's where it is understood, which is known after the first render."""
        return self._go if self._go and self._short.opened.get("go", True) else self._jinja

    @property
    def worked_s(self) -> float:
        """Return the CPU seconds that the children have computed so far."""
        return self._short.worked_s + self._long.worked_s

    async def render(self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], add_generation_prompt: bool = True) -> str:
        """Return the prompt for `messages` ({"role": …, "content": …}); `arguments` are further variables of the template.

        Raises:
            TemplateError: the template does not compile, fails, refuses these messages, or exceeds a bound.
            QueueFullError, ResourceError, DrainingError: see `Lane.do`.
        """
        asked = {"messages": messages, "arguments": arguments, "add_generation_prompt": add_generation_prompt}
        body = json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogatepass")
        lane = self._short if len(body) <= LONG_BYTES else self._long
        prompt = (await lane.do(Frame({"do": "render"}, body))).decode()
        if not self._told and lane.opened["unused"]:
            self._told = True
            _log.warning("the model's Go template is not used, but the one in its file", extra={"error": lane.opened["unused"]})
        return prompt

    async def close(self) -> None:
        """End both children and fail the renders that wait."""
        await self._short.close()
        await self._long.close()
