"""Reads the calls of an answer as a dialect writes them. Feeds `answer_parser`, which looks for where they begin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from echorator.prompting.dialects.deltas import Deltas
from echorator.prompting.dialects.dialect import (
    Calls,
    JsonArguments,
    JsonCall,
    KeywordArguments,
    NamedCall,
    NestedArguments,
    QuotedArguments,
    TaggedArguments,
    Tool,
)
from echorator.prompting.dialects.reading import NoCallError, Reading, Source, ValueReader
from echorator.prompting.dialects.schema_values import json_of, kinds_of, nested_json, property_schema

_NAME = re.compile(r"[\w.:-]*")
_LONGEST_HELD = 8192  # characters in which the name of a tool must come
_LONGEST_KEY = 1024


class CallReader:
    """Reads calls from a source into deltas."""

    def __init__(self, source: Source, calls: Calls, tools: Mapping[str, Tool], deltas: Deltas) -> None:
        self._source, self._calls, self._deltas = source, calls, deltas
        self._tools = dict(sorted(tools.items(), key=lambda entry: -len(entry[0])))
        self.in_call = False  # the name of a call has been handed on, and its arguments are not complete

    def section(self, opens: str) -> Reading[None]:
        """Read what `opens` begins: one call, and the further ones of its section.

        Raises:
            NoCallError: no call stands here; nothing has been handed on.
        """
        source, calls = self._source, self._calls
        source.limit = source.at + _LONGEST_HELD
        try:
            yield from source.literal(opens)
            yield from self._call()
            if calls.section_opens and opens.startswith(calls.section_opens):
                while (yield from self._goes_on()):
                    yield from self._call()
                yield from source.optional(calls.section_closes)
        finally:
            source.limit = -1

    def _goes_on(self) -> Reading[bool]:
        """Take what separates two calls and opens the next one, if a next one comes."""
        source, calls = self._source, self._calls
        begin = source.at
        yield from source.optional(calls.separator)
        if calls.opens.strip():
            if (yield from source.optional(calls.opens)):
                source.limit = source.at + _LONGEST_HELD
                return True
        else:
            character = yield from source.space()
            if character == "{" if isinstance(calls.form, JsonCall) else character.isalnum() or character == "_":
                source.limit = source.at + _LONGEST_HELD
                return True
        source.at = begin
        return False

    def _call(self) -> Reading[None]:
        form = self._calls.form
        try:
            if isinstance(form, JsonCall):
                yield from self._json_call(form)
            else:
                yield from self._named_call(form)
        except NoCallError:
            if not self.in_call:
                raise
            yield from self._skip()
        self.in_call = False
        yield from self._source.optional(self._calls.closes)

    def _skip(self) -> Reading[None]:
        """Leave out the rest of a call that is malformed, up to what closes calls. Where nothing does, it is text."""
        source = self._source
        closes = (self._calls.closes.strip() or self._calls.section_closes.strip()).splitlines()
        if not closes:
            return
        last = closes[-1]
        while (place := source.text.find(last, source.at)) < 0:
            source.at = max(source.at, len(source.text) - len(last) + 1)
            yield from source.more()
        source.at = place + len(last)

    def _begin(self, name: str) -> None:
        self._source.check()
        self._source.limit = -1
        self.in_call = True
        self._deltas.call(name)

    # One JSON object

    def _json_call(self, form: JsonCall) -> Reading[None]:
        source = self._source
        if (yield from source.space()) != "{":
            raise NoCallError
        source.at += 1
        names, arguments_names = {form.name, "name"}, {form.arguments, "arguments", "parameters"}
        name, waiting = "", ""
        while (yield from source.space()) != "}":
            key = yield from self._string()
            if (yield from source.space()) != ":":
                raise NoCallError
            source.at += 1
            if not form.name and not name:
                name = self._known(key)
                self._begin(name)
                yield from self._object()
                waiting = "-"
            elif key in names and not name:
                name = self._known((yield from self._string()))
                self._begin(name)
                self._deltas.arguments(waiting)
            elif key in arguments_names and not waiting:
                if not name or (yield from source.space()) != "{":
                    waiting = yield from self._held_arguments()
                    if name:
                        self._deltas.arguments(waiting)
                else:
                    waiting = "-"
                    yield from self._object()
            else:
                yield from ValueReader(source, _dropped).value()
            if (yield from source.space()) == ",":
                source.at += 1
            elif source.text[source.at] != "}":
                raise NoCallError
        source.at += 1
        if not name:
            raise NoCallError
        if not waiting:
            self._deltas.arguments("{}")

    def begins_object(self, text: str) -> bool:
        """Return whether a text is the beginning of a call that is an object: as far as it goes, its first key is one of a call's."""
        form = self._calls.form
        assert isinstance(form, JsonCall)
        keys = {form.name, form.arguments, form.id} - {""} if form.name else set(self._tools)
        written = "".join(text.split())
        return any(f'{{"{key}"'.startswith(written) or written.startswith(f'{{"{key}"') for key in keys)

    def _known(self, name: str) -> str:
        if name not in self._tools:
            raise NoCallError
        return name

    def _string(self) -> Reading[str]:
        yield from self._source.space()
        written: list[str] = []
        yield from ValueReader(self._source, written.append).string()
        return str(json.loads("".join(written)))

    def _held_arguments(self) -> Reading[str]:
        """Read arguments that come before the name, or as JSON within a text."""
        written: list[str] = []
        yield from ValueReader(self._source, written.append).value()
        text = "".join(written)
        if text.startswith('"'):
            inner: list[str] = []
            source = Source(json.loads(text) + "\n", True)
            for _ in ValueReader(source, inner.append).value():
                pass
            text = "".join(inner)
        if text == "null":
            return "{}"
        if not text.startswith("{"):
            raise NoCallError
        return text

    def _object(self, quote: str = "") -> Reading[None]:
        if (yield from self._source.space()) != "{":
            raise NoCallError
        yield from ValueReader(self._source, self._deltas.arguments, quote).value()

    # A name and arguments

    def _named_call(self, form: NamedCall) -> Reading[None]:
        source = self._source
        yield from source.space()
        begin = source.at
        run = yield from source.run(_NAME)
        for name in self._tools:
            if not run.startswith(name):
                continue
            source.at = begin + len(name)
            try:
                yield from source.either(form.name_ends)
                yield from self._surely_arguments(form)
            except NoCallError:
                continue
            self._begin(name)
            yield from self._arguments(form, self._tools[name])
            return
        raise NoCallError

    def _surely_arguments(self, form: NamedCall) -> Reading[None]:
        """Look at the next character where nothing marks the end of the name. Raises NoCallError."""
        if any(ends.strip() for ends in form.name_ends):
            return
        openers = "{"
        if isinstance(form.arguments, TaggedArguments):
            openers = form.arguments.opens.strip()[:1] + (self._calls.closes.strip() or self._calls.section_closes.strip())[:1]
        if (yield from self._source.space()) not in openers:
            raise NoCallError

    def _arguments(self, form: NamedCall, tool: Tool) -> Reading[None]:
        match form.arguments:
            case JsonArguments():
                yield from self._object()
            case QuotedArguments(quote):
                yield from self._object(quote)
            case KeywordArguments():
                yield from ValueReader(self._source, self._deltas.arguments).members(")", "=")
            case TaggedArguments() | NestedArguments():
                yield from self._tagged(form.arguments, tool)

    def _tagged(self, form: TaggedArguments | NestedArguments, tool: Tool) -> Reading[None]:
        nested = isinstance(form, NestedArguments)
        opens = form.prefix + "<" if isinstance(form, NestedArguments) else form.opens
        mids = (("", ">"),) if isinstance(form, NestedArguments) else form.mids
        self._deltas.arguments("{")
        separator = ""
        while (yield from self._opened(opens, nested)):
            key = yield from self._key(mids)
            kind = yield from self._mid(mids)
            self._deltas.arguments(f"{separator}{json.dumps(key, ensure_ascii=False)}: ")
            separator = ", "
            schema = property_schema(tool.parameters, key)
            kinds = kinds_of(schema, tool.parameters)
            if kind:
                kinds = kinds & {kind} or frozenset({kind}) if kind == "string" else kinds - {"string"} or kinds
            closes = f"{form.prefix}</{key}>" if isinstance(form, NestedArguments) else form.closes
            core = closes.strip()
            dropped, behind = closes[: len(closes) - len(closes.lstrip())], ""
            if core.startswith("<") and (yield from self._starts("<![CDATA[")):
                core, dropped, behind = "]]>", "", core
            if kinds == {"string"}:
                self._deltas.arguments('"')
                yield from ValueReader(self._source, self._deltas.arguments).until(core, dropped)
                self._deltas.arguments('"')
            else:
                held: list[str] = []
                yield from ValueReader(self._source, held.append).until(core, dropped)
                text = str(json.loads(f'"{"".join(held)}"'))
                if isinstance(form, NestedArguments):
                    self._deltas.arguments(nested_json(text, form.prefix, form.item, schema, tool.parameters))
                else:
                    self._deltas.arguments(json_of(text, kinds))
            yield from self._source.literal(behind)
        self._deltas.arguments("}")

    def _starts(self, text: str) -> Reading[bool]:
        """Take a text if it stands here. Return whether it does."""
        begin = self._source.at
        try:
            yield from self._source.exactly(text)
        except NoCallError:
            self._source.at = begin
            return False
        return True

    def _opened(self, opens: str, nested: bool) -> Reading[bool]:
        """Take what opens an argument, and what separates it from the last one. Return whether an argument comes."""
        begin = self._source.at
        if (yield from self._source.optional(opens)) and (not nested or (yield from self._source.peek()) != "/"):
            return True
        self._source.at = begin
        return False

    def _key(self, mids: tuple[tuple[str, str], ...]) -> Reading[str]:
        """Read the name of an argument, up to where what stands behind it begins."""
        first = mids[0][1].strip()[0]
        begin = self._source.at
        while (yield from self._source.peek()) != first:
            self._source.at += 1
            if self._source.at - begin > _LONGEST_KEY:
                raise NoCallError
        return self._source.text[begin : self._source.at].strip()

    def _mid(self, mids: tuple[tuple[str, str], ...]) -> Reading[str]:
        """Take what stands between name and value, and return the kind of value that it tells; "" for any."""
        texts = tuple(dict.fromkeys(text for _, text in mids))
        text = texts[(yield from self._source.either(texts))]
        for character in text[len(text.rstrip()) :]:
            if (yield from self._source.peek()) != character:
                break
            self._source.at += 1
        kinds = [kind for kind, other in mids if other == text]
        return kinds[0]


def _dropped(_text: str) -> None:
    """Take a part of a value that nobody reads."""
