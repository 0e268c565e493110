"""A Jinja environment for foreign templates: nothing to escape to, and a budget for what may be computed.

A GGUF file brings its chat template along, so a template is untrusted input. Jinja's own immutable sandbox keeps it
from Python's internals; this environment also bounds time and memory. Every loop round, call, filter and output is
charged to a budget, every container that is built is weighed, and whatever can make a large value out of small ones
(`*`, `**`, `%`, `+`, `~`, `join`, `replace`, padding) is checked before it is done. Feeds `chat_template`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from jinja2 import Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

BUDGET = 400_000  # units of roughly a microsecond
LONGEST_VALUE = 4 << 20  # characters or items of one value
CHARACTERS_A_UNIT = 64
_FILTERS = (
    "abs attr batch capitalize count d default dictsort e escape first float groupby int items last length list lower map max min "
    "reject rejectattr reverse round safe select selectattr slice sort string title trim unique upper"
).split()
_REFUSED_METHODS = frozenset("center ljust rjust zfill expandtabs format format_map translate encode".split())


class BudgetError(SecurityError):
    """The template wants more time or memory than a prompt can need."""


class Budget(threading.local):
    """What is left to the render that runs on this thread."""

    left: int = 0

    def charge(self, units: int) -> None:
        """Raises BudgetError once it is spent."""
        self.left -= units
        if self.left < 0:
            raise BudgetError("the template computes more than a prompt can need")


def _bounded(size: int) -> None:
    if size > LONGEST_VALUE:
        raise BudgetError(f"the template builds a value of {size} characters or items")


class GenerationBlock(Extension):
    """`{% generation %}…{% endgeneration %}` marks what a model said; here it is only its content."""

    tags = {"generation"}  # noqa: RUF012 the type that jinja2 declares

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The nodes of the body."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment. `budget.left` is to be set before each render."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[loopcontrols, GenerationBlock], finalize=self.shown
        )
        self.budget = Budget()
        known = {name: self.filters[name] for name in _FILTERS}
        known |= {"tojson": self.to_json, "join": self.joined, "replace": self.replaced, "indent": self.indented}
        self.filters = {name: self._charged(function) for name, function in known.items()}
        self.globals = {name: self.globals[name] for name in ("range", "dict", "namespace")}

    # --- what the compiled template calls ---------------------------------------------------------------------------
    def tick(self, units: int) -> str:
        """One round of a loop or one run of a macro."""
        self.budget.charge(units)
        return ""

    def built(self, value: Any) -> Any:
        """A container that the template has just built: weighed, since containers of containers double quickly."""
        self._weigh(value)
        return value

    def concat_text(self, *parts: Any) -> str:
        """The operator `~`."""
        texts = [self._text(part) for part in parts]
        _bounded(sum(map(len, texts)))
        self.budget.charge(sum(map(len, texts)) // CHARACTERS_A_UNIT)
        return "".join(texts)

    def shown(self, value: Any) -> Any:
        """What `{{ value }}` writes."""
        return value if isinstance(value, Undefined) else self._paid(self._text(value))

    # --- Jinja's hooks ------------------------------------------------------------------------------------------------
    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The intercepted operators, checked before they are done."""
        if operator == "%" and isinstance(left, str):
            raise BudgetError("the template formats text with %, which is not allowed; join texts with ~")
        for sized, times in ((left, right), (right, left)):
            if operator == "*" and isinstance(sized, str | list | tuple) and isinstance(times, int):
                _bounded(len(sized) * max(0, times))
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            _bounded(len(left) + len(right))
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * (max(1, right) if operator == "**" else 1) + right.bit_length()
            if bits > 4096:
                raise BudgetError("the template computes a number of more than 4096 bits")
        return self._paid(super().call_binop(context, operator, left, right))

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Every call that the template makes."""
        self.budget.charge(1)
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str):
            if name in _REFUSED_METHODS:
                raise BudgetError(f"the template calls str.{name}, which is not allowed")
            if name in ("replace", "join"):
                own = {key: value for key, value in kwargs.items() if key not in ("_loop_vars", "_block_vars")}
                return self.replaced(owner, *args, **own) if name == "replace" else self.joined(args[0], owner)
        result = super().call(context, function, *args, **kwargs)
        return self.built(result) if isinstance(result, list | tuple | dict) else self._paid(result)

    def wrap_str_format(self, value: Any) -> Any:
        """str.format, which pads to any width, under Jinja's own wrapper: refused when it is called."""
        return None if super().wrap_str_format(value) is None else _refuse_format

    # --- filters ------------------------------------------------------------------------------------------------------
    def _charged(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def charged(*args: Any, **kwargs: Any) -> Any:
            self.budget.charge(1)
            return self._paid(function(*args, **kwargs))

        for mark in ("jinja_pass_arg",):
            if hasattr(function, mark):
                setattr(charged, mark, getattr(function, mark))
        return charged

    def to_json(self, value: Any, indent: int | None = None, separators: Any = None, sort_keys: bool = False, **_: Any) -> str:
        """As Hugging Face's templates expect it: no HTML escapes, no ASCII escapes."""
        self._weigh(value)
        if indent is not None and not 0 <= indent <= 16:
            raise BudgetError("tojson: indent must be 0..16")
        return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)

    def joined(self, values: Any, d: str = "", attribute: str | None = None) -> str:
        """The filter `join`, and str.join."""
        texts = [self._text(v if attribute is None else self.getitem(v, attribute)) for v in values]
        _bounded(sum(map(len, texts)) + len(d) * len(texts))
        return d.join(texts)

    def replaced(self, text: Any, old: str, new: str, count: int = -1) -> str:
        """The filter `replace`, and str.replace."""
        source, new_text = self._text(text), self._text(new)
        found = source.count(old) if count < 0 else min(count, source.count(old))
        _bounded(len(source) + found * len(new_text))
        self.budget.charge((len(source) + found * len(new_text)) // CHARACTERS_A_UNIT)
        return source.replace(old, new_text, count)

    def indented(self, text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        """The filter `indent`."""
        pad = " " * width if isinstance(width, int) and 0 <= width <= 64 else width if isinstance(width, str) and len(width) <= 64 else None
        if pad is None:
            raise BudgetError("indent: the width must be 0..64")
        lines = self._text(text).split("\n")
        _bounded(len(text) + len(lines) * len(pad))
        return "\n".join(pad + line if (line or blank) and (first or i > 0) else line for i, line in enumerate(lines))

    # --- the budget ---------------------------------------------------------------------------------------------------
    def _paid(self, value: Any) -> Any:
        if isinstance(value, str):
            self.budget.charge(1 + len(value) // CHARACTERS_A_UNIT)
        elif isinstance(value, list | tuple | dict):
            self.budget.charge(1 + len(value))
        return value

    def _weigh(self, value: Any) -> None:
        pending = [value]
        while pending:
            item = pending.pop()
            self.budget.charge(1)
            if isinstance(item, str):
                self.budget.charge(len(item) // CHARACTERS_A_UNIT)
            elif isinstance(item, Mapping):
                pending.extend(item.keys())
                pending.extend(item.values())
            elif isinstance(item, list | tuple | set):
                self.budget.charge(len(item))
                pending.extend(item)

    def _text(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, bool | int | float | Undefined):
            return str(value)
        if isinstance(value, list | tuple | dict):
            self._weigh(value)
            return str(value)
        raise TemplateRuntimeError(f"the template writes a {type(value).__name__} as text")


def _refuse(what: str) -> NoReturn:
    raise BudgetError(f"the template uses {what}, which is not allowed")


def _refuse_format(*_: Any, **__: Any) -> NoReturn:
    _refuse("str.format")


def metered(sandbox: TemplateSandbox, source: str) -> nodes.Template:
    """Parse `source` and put the charges in. Raises jinja2's errors, BudgetError."""
    tree = sandbox.parse(source)
    for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
        if tree.find(kind) is not None:
            _refuse(kind.__name__.lower())
    repeated: list[nodes.For | nodes.Macro | nodes.CallBlock] = [
        *tree.find_all(nodes.For),
        *tree.find_all(nodes.Macro),
        *tree.find_all(nodes.CallBlock),
    ]
    for body in repeated:
        written = sum(len(data.data) for part in body.body for data in part.find_all(nodes.TemplateData))
        cost = nodes.Const(1 + written // CHARACTERS_A_UNIT)
        body.body.insert(0, nodes.ExprStmt(_call("tick", [cost])))
    _wrap(tree)
    return tree


def _call(name: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None)


def _wrap(node: nodes.Node) -> None:
    """Replace literals of containers and `~` by calls of the sandbox, from the leaves up."""
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_wrapped(item) for item in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _wrapped(value))


def _wrapped(node: Any) -> Any:
    if not isinstance(node, nodes.Node):
        return node
    _wrap(node)
    if isinstance(node, nodes.Concat):
        return _call("concat_text", node.nodes).set_lineno(node.lineno, override=True)
    if isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        return _call("built", [node]).set_lineno(getattr(node, "lineno", 1) or 1, override=True)
    return node
