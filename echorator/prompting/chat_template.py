"""Renders a conversation to the prompt that a model was trained on, by the model's Jinja chat template.

A template is compiled once per model and rendered for every chat, in a child process (`child.template_duty`) with bounded time and memory.
It comes from a GGUF file and runs in `template_sandbox`; whatever fails in it is a TemplateError that names the line.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateSyntaxError

from echorator.engine.template_limits import LONGEST_PROMPT, LONGEST_SOURCE
from echorator.errors import TemplateError
from echorator.prompting.template_sandbox import BUDGET, BudgetError, TemplateSandbox, metered

_HINT = "check the messages, or use Generate with a prompt of your own"


class _RefusalError(Exception):
    """The template called raise_exception(…), with this message."""


def _raise_exception(message: object) -> None:
    raise _RefusalError(str(message)[:500])


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form[:100])


class ChatTemplate:
    """A compiled Jinja chat template, for one render at a time."""

    def __init__(self, source: str, bos: str, eos: str) -> None:
        """Compile a template; `bos` and `eos` are the texts of the model's begin and end tokens.

        Raises:
            TemplateError: the template is too long, does not parse, or needs what the sandbox refuses.
        """
        if len(source) > LONGEST_SOURCE:
            raise TemplateError(f"the chat template of the model has {len(source)} characters, at most {LONGEST_SOURCE} are taken")
        self.source = source
        self._sandbox = TemplateSandbox()
        self._variables = {"bos_token": bos, "eos_token": eos, "raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self._sandbox.left = BUDGET
        try:
            code = self._sandbox.compile(metered(self._sandbox, source), name="chat_template", filename="chat_template")
            self._template = self._sandbox.template_class.from_code(self._sandbox, code, self._sandbox.make_globals(None))
        except TemplateSyntaxError as e:
            raise TemplateError(f"the chat template of the model does not parse: line {e.lineno}: {e.message}; {_HINT}") from e
        except MemoryError:
            raise
        except Exception as e:
            raise TemplateError(f"the chat template of the model is refused: {e or type(e).__name__}; {_HINT}") from e

    def render(self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], add_generation_prompt: bool = True) -> str:
        """Return the prompt for `messages` ({"role": …, "content": …}); `arguments` are further variables of the template.

        Raises:
            TemplateError: the template fails, refuses these messages, or computes more than a prompt can need.
        """
        variables = {
            "tools": None,
            "documents": None,
            **arguments,
            **self._variables,
            "messages": [dict(m) for m in messages],
            "add_generation_prompt": add_generation_prompt,
        }
        self._sandbox.left = BUDGET
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(variables):
                pieces.append(piece)
                size += len(piece)
                if size > LONGEST_PROMPT:
                    raise BudgetError(f"the template writes more than {LONGEST_PROMPT} characters")  # noqa: TRY301
        except _RefusalError as e:
            raise TemplateError(f"the chat template of the model refuses these messages: {e}") from e
        except MemoryError:
            raise
        except Exception as e:
            where = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == "chat_template"]
            line = f"line {where[-1]}: " if where else ""
            raise TemplateError(f"the chat template of the model failed: {line}{str(e)[:500] or type(e).__name__}; {_HINT}") from e
        return "".join(pieces)
