"""A Jinja environment for untrusted templates, without access to Python's internals and with a budget for the computation.

A GGUF file brings its chat template along, so a template is untrusted input. Jinja's own immutable sandbox keeps it from
Python's internals. The child process in which a template runs (`child`) bounds time and memory, and is killed beyond its
bounds; the budget here only reports the plainest endless loops sooner and in better words. Feeds `chat_template`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

BUDGET = 400_000  # one unit is roughly a microsecond
CHARACTERS_A_UNIT = 64
_GLOBALS = ("range", "dict", "namespace", "cycler", "joiner")


class BudgetError(SecurityError):
    """The template computes more than a prompt can need, or uses what no template may use."""


class GenerationBlock(Extension):
    """The block `{% generation %}…{% endgeneration %}`, which marks what a model said; only its content is rendered here."""

    tags = {"generation"}  # noqa: RUF012 the type that jinja2 declares

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the nodes of the block's body."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment of one template, for one render at a time. Set `left` to the budget before each render."""

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[loopcontrols, GenerationBlock], finalize=self.shown
        )
        self.left = 0
        self.filters["tojson"] = to_json
        self.filters = {name: self._charged(function) for name, function in self.filters.items()}
        self.globals = {name: self.globals[name] for name in _GLOBALS}

    def charge(self, units: int) -> None:
        """Subtract units from the budget. Raises BudgetError once it is spent."""
        self.left -= units
        if self.left < 0:
            raise BudgetError("the template computes more than a prompt can need")

    def tick(self, units: int) -> str:
        """Charge one round of a loop or one run of a macro; the compiled template calls this."""
        self.charge(units)
        return ""

    def shown(self, value: Any) -> Any:
        """Return what `{{ value }}` writes, and charge its length."""
        if isinstance(value, Undefined):
            return value
        if value is not None and not isinstance(value, str | bool | int | float | list | tuple | dict):
            raise TemplateRuntimeError(f"the template writes a {type(value).__name__} as text")
        text = str(value)
        self.charge(1 + len(text) // CHARACTERS_A_UNIT)
        return text

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow append and pop of lists: Kimi's templates keep the ids of tool calls in one. The lists of messages are copies."""
        return (type(obj) is list and attr in ("append", "pop")) or super().is_safe_attribute(obj, attr, value)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Charge and make a call of the template."""
        self.charge(1)
        return super().call(context, function, *args, **kwargs)

    def _charged(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def charged(*args: Any, **kwargs: Any) -> Any:
            self.charge(1)
            return function(*args, **kwargs)

        if hasattr(function, "jinja_pass_arg"):
            charged.jinja_pass_arg = function.jinja_pass_arg  # type: ignore[attr-defined]
        return charged


def to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False) -> str:
    """Return JSON without HTML escapes, as Hugging Face's templates expect it."""
    value = list(value) if isinstance(value, Iterator) else value  # `map` and `select` return iterators
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def metered(sandbox: TemplateSandbox, source: str) -> nodes.Template:
    """Parse `source` and add a charge to every loop and macro. Raises jinja2's errors, BudgetError."""
    tree = sandbox.parse(source)
    for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
        if tree.find(kind) is not None:
            raise BudgetError(f"the template uses {kind.__name__.lower()}, which is not allowed")
    repeated: list[nodes.For | nodes.Macro | nodes.CallBlock] = [
        *tree.find_all(nodes.For),
        *tree.find_all(nodes.Macro),
        *tree.find_all(nodes.CallBlock),
    ]
    for body in repeated:
        written = sum(len(data.data) for part in body.body for data in part.find_all(nodes.TemplateData))
        cost = nodes.Const(1 + written // CHARACTERS_A_UNIT)
        body.body.insert(0, nodes.ExprStmt(nodes.Call(nodes.EnvironmentAttribute("tick"), [cost], [], None, None)))
    return tree
