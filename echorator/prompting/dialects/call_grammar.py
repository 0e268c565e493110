"""Writes the grammar that keeps a model's calls valid: the dialect's literals around what the tools' schemas admit.

The markers of a literal are matched by their text, so the engine has to spell out those that are control tokens (`dialect.markers`).
The grammar sleeps until the answer holds one of its triggers, or rules from the first token where a call is required.

Not enforced, beside what `json_schema` lists: of texts that stand between tags as they are, everything but `enum` and `const`; the
schema itself where arguments are written in a form of the dialect's own (Python's, Gemma's and nested elements are left to the
model, without a grammar).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from echorator.prompting.dialects.answer_parser import opener, thinks
from echorator.prompting.dialects.dialect import ID, NUMBER, Calls, Dialect, JsonArguments, JsonCall, NamedCall, TaggedArguments, Tool
from echorator.prompting.dialects.schema_values import kinds_of, property_schema, resolved
from echorator.prompting.json_schema import grammar_of

# Names of rules; literals, sets, tokens and comments, which stay as they are, are found but not named.
_RULE = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|<[^>\n]*>|#[^\n]*|([A-Za-z][\w-]*)')
MOST_CALLS = 16  # in one answer, so that a small model comes to an end
_HOLES = {ID: "[A-Za-z0-9]{9,24}", NUMBER: "[0-9]{1,3}"}


class Mode(Enum):
    """Whether the model decides to call, or has to."""

    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True)
class Choice:
    """Which tools the model may or must call."""

    mode: Mode = Mode.AUTO
    names: frozenset[str] = frozenset()  # only these; empty: all


@dataclass(frozen=True)
class CallGrammar:
    """GBNF text and what awakens it; without a trigger it rules from the first token on."""

    gbnf: str
    triggers: tuple[str, ...]


def call_grammar(dialect: Dialect, tools: Sequence[Tool], choice: Choice, parallel: bool, opening: str = "") -> CallGrammar | None:
    """Return the grammar of the calls that an answer may have; None where the dialect has calls that no grammar here expresses.

    Args:
        dialect: how the model writes.
        tools: of the request.
        choice: which of them may or must be called.
        parallel: whether an answer may have several calls.
        opening: the prompt, or its end; it may have opened the thought already.

    Raises:
        InvalidRequestError: a schema is malformed, too large, or asks for what no grammar expresses.
    """
    calls = dialect.calls
    allowed = [tool for tool in tools if not choice.names or tool.name in choice.names]
    if calls is None or not allowed:
        return None
    if isinstance(calls.form, NamedCall) and not isinstance(calls.form.arguments, JsonArguments | TaggedArguments):
        return None
    rules = _Rules()
    for number, tool in enumerate(allowed):
        rules.add(f"call{number}", _call(rules, calls, tool, f"tool{number}"))
    rules.add("call", " | ".join(f"call{number}" for number in range(len(allowed))))
    more = parallel and calls.several
    section = calls.section_opens
    row = "call" + (f" ({_sequence(_literal(calls.separator), 'call')}){{0,{MOST_CALLS - 1}}}" if more else "")
    whole = _sequence(_literal(section), row, _literal(calls.section_closes))
    if choice.mode is Mode.AUTO and not dialect.carried:
        return CallGrammar(rules.text(whole), _triggers(calls))
    carried = dialect.carried
    if carried:
        whole = whole.replace("call", "first", 1)
        rules.add("first", " | ".join(f"first{number}" for number in range(len(allowed))))
        for number, tool in enumerate(allowed):
            without = Calls(calls.form, calls.opens.removeprefix(carried), calls.closes)
            rules.add(f"first{number}", _call(rules, without, tool, f"tool{number}"))
    if choice.mode is Mode.AUTO:
        ends = calls.form.name_ends[0] if isinstance(calls.form, NamedCall) else ""
        return CallGrammar(rules.text(whole), tuple(f"{tool.name}{ends}{{" for tool in allowed))
    recipient = ""
    if ID in dialect.written_open:
        before, behind = dialect.written_open.split(ID)
        recipient = _sequence(_literal(before), f"({' | '.join(_literal(tool.name) for tool in allowed)})", _literal(behind))
    return CallGrammar(rules.text(_sequence(_thought(rules, dialect, opening), recipient, whole)), ())


def either(calls: CallGrammar, shape: str) -> CallGrammar:
    """Return the grammar of an answer that is calls, or a text of the grammar `shape`, from the first token on."""
    return CallGrammar("\n".join(["root ::= call-root | text-root", _prefixed(calls.gbnf, "call"), _prefixed(shape, "text")]), ())


def _prefixed(gbnf: str, prefix: str) -> str:
    """Return a grammar whose rules have names of their own."""
    return _RULE.sub(lambda found: f"{prefix}-{found[1]}" if found[1] else found[0], gbnf)


def _triggers(calls: Calls) -> tuple[str, ...]:
    """Return the texts that open calls; the white space before one belongs to it, since the grammar begins with it."""
    opens = calls.section_opens + calls.opens
    if not opens:
        return (f'{{"{calls.form.name}": "',) if isinstance(calls.form, JsonCall) else ()
    return (opens[: len(opens) - len(opens.lstrip())] + opener(opens),)


def _thought(rules: _Rules, dialect: Dialect, opening: str) -> str:
    """Return what comes before a required call: the rest of a thought that the prompt has opened, or a thought if the model likes."""
    thoughts = dialect.thoughts
    if thoughts is None:
        return ""
    closes = thoughts.closes.strip()
    header = _literal(dialect.begins) if dialect.begins in dialect.silent else ""  # a call is a message of its own
    rest = _sequence(rules.without(closes), _literal(closes), "space", header)
    rules.add("space", r"[ \n]{0,3}")
    if thinks(dialect, opening):
        return rest
    if opening.rstrip().endswith(closes) or not thoughts.opens.strip():
        return ""
    return f"({_literal(thoughts.opens)} {rest})?"


def _call(rules: _Rules, calls: Calls, tool: Tool, prefix: str) -> str:
    form = calls.form
    if isinstance(form, JsonCall):
        arguments = rules.schema(prefix, tool.parameters)
        if not form.name:
            body = _sequence(_literal(f'{{"{tool.name}": '), arguments, _literal("}"))
        else:
            parts = [_sequence(_literal(f'"{form.name}": "{tool.name}", "{form.arguments}": '), arguments)]
            if form.id:
                written = _HOLES[NUMBER if form.number_id else ID]
                part = _sequence(_literal(f'"{form.id}": "'), written, _literal('"'))
                parts = [part, *parts] if form.id_first else [*parts, part]
            body = _sequence(_literal("{"), f" {_literal(', ')} ".join(parts), _literal("}"))
    else:
        ends = "(" + " | ".join(dict.fromkeys(_literal(text) or '""' for text in form.name_ends)) + ")"
        if isinstance(form.arguments, TaggedArguments):
            arguments = _tagged(rules, form.arguments, tool, prefix)
        else:
            arguments = rules.schema(prefix, tool.parameters)
        body = _sequence(_literal(tool.name), ends, arguments)
    return _sequence(_literal(calls.opens), body, _literal(calls.closes))


def _tagged(rules: _Rules, form: TaggedArguments, tool: Tool, prefix: str) -> str:
    """Return the arguments in the schema's order, each in its tags; a separator stands before every one but the first."""
    whole = resolved(tool.parameters, tool.parameters)
    named = whole.get("properties") if isinstance(whole, Mapping) else None
    names = list(named) if isinstance(named, Mapping) else []
    required = set(whole.get("required") or ()) if isinstance(whole, Mapping) else set()
    arguments = []
    for number, name in enumerate(names):
        schema = property_schema(tool.parameters, name)
        ways = _values(rules, form, schema, tool.parameters, f"{prefix}-{number}")
        rules.add(f"{prefix}-argument{number}", _sequence(_literal(form.opens + name), ways, _literal(form.closes)))
        arguments.append((f"{prefix}-argument{number}", name in required))
    # From behind: what may follow where nothing has come yet, and where something has.
    first, later = '""', '""'
    for number, (argument, needed) in reversed(list(enumerate(arguments))):
        rules.add(f"{prefix}-later{number}", later)
        rules.add(f"{prefix}-none{number}", first)
        here = f"{argument} {prefix}-later{number}"
        behind = f"{_literal(form.separator)} {here}".strip()
        first = here if needed else f"({here} | {prefix}-none{number})"
        later = behind if needed else f"({behind})" + f" | {prefix}-later{number}"
        later = f"({later})"
    return first


def _values(rules: _Rules, form: TaggedArguments, schema: Any, root: Mapping[str, Any], prefix: str) -> str:
    """Return what stands between the name of an argument and what closes it."""
    mids = dict(form.mids)
    kinds = kinds_of(schema, root)
    ways = []
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None) if isinstance(schema, Mapping) else None
    if "string" in kinds:
        closes = form.closes.strip()
        texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else None
        plain = rules.without(closes) if texts is None else f"({' | '.join(_literal(text) or chr(34) * 2 for text in texts)})"
        ways.append(_sequence(_literal(mids.get("string", mids.get("", ""))), plain))
    others = kinds - {"string"}
    if others and ("string" not in kinds or "" not in mids):
        value = {**schema, **{word: root[word] for word in ("$defs", "definitions") if word in root}} if isinstance(schema, Mapping) else {}
        if "string" in kinds:
            value = {"allOf": [value], "type": sorted(others)}
        rule = rules.schema(prefix, value)
        between = dict.fromkeys(mids.get(kind, mids.get("", "")) for kind in sorted(others))
        ways += [_sequence(_literal(text), rule) for text in between]
    return f"({' | '.join(ways)})"


class _Rules:
    """The rules of one grammar."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def add(self, name: str, body: str) -> None:
        """Add a rule."""
        self._rules[name] = body

    def text(self, root: str) -> str:
        """Return the GBNF text."""
        return "\n".join([f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._rules.items())]) + "\n"

    def schema(self, prefix: str, schema: Mapping[str, Any]) -> str:
        """Add the rules of a JSON schema under names of their own, and return the name of the first.

        White space is that of json.dumps, as templates write the arguments of earlier calls: so the tokens of a call are the same when
        it comes back in the next prompt, and are taken from the prefix cache.
        """
        name = f"{prefix}-root"
        if name not in self._rules:
            for line in grammar_of(dict(schema) or {"type": "object"}, as_dumps=True).splitlines():
                rule, _, body = line.partition(" ::= ")
                self._rules[f"{prefix}-{rule}"] = _prefixed(body, prefix)
        return name

    def without(self, text: str) -> str:
        """Add a rule of the texts that do not contain `text`, and return its name.

        State n of the automaton of Knuth, Morris and Pratt has read the first n characters of the text.
        """
        if text in self._known:
            return self._known[text]
        name = self._known[text] = f"text{len(self._known)}"
        letters = list(dict.fromkeys(text))
        for state in range(len(text)):
            ways = ['""', f"[^{''.join(map(_member, letters))}] {name}-0"]
            for letter in letters:
                read = text[:state] + letter
                after = next(n for n in range(min(len(read), len(text)), -1, -1) if read.endswith(text[:n]))
                if after < len(text):
                    ways.append(f"{_literal(letter)} {name}-{after}")
            self._rules[f"{name}-{state}"] = " | ".join(ways)
        self._rules[name] = f"{name}-0"
        return name


def _member(letter: str) -> str:
    return f"\\U{ord(letter):08X}"


def _sequence(*parts: str) -> str:
    return " ".join(part for part in parts if part) or '""'


def _literal(text: str) -> str:
    """Return a literal as GBNF; what stands for an id or a number becomes a rule of its own."""
    out = []
    for part in re.split(r"([\0\1])", text):
        if part in _HOLES:
            out.append(_HOLES[part])
        elif part:
            quoted = part.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
            out.append(f'"{quoted}"')
    return " ".join(out)
