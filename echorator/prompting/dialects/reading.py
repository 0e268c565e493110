"""Reads an answer while it is being written: literals, and values of JSON, Python and Gemma, as JSON text.

Every reader is a generator that yields when it needs more text. What it does depends on the characters alone and not on
where the chunks end, so that any chunking of an answer gives the same result. Feeds `call_reader` and `answer_parser`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from typing import TypeVar

from echorator.prompting.dialects.dialect import ID, NUMBER

T = TypeVar("T")
Reading = Generator[None, None, T]

MOST_READ = 256  # characters behind the reader that are kept
DEEPEST = 100  # brackets within each other in a value
_HOLES = {ID: re.compile(r"[\w.-]*"), NUMBER: re.compile(r"\d*")}
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_PLAIN_SINGLE = re.compile(r"[^'\"\\\x00-\x1f]*")
_WORD = re.compile(r"[\w.+-]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_CONSTANTS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_ESCAPES = {"'": "'", "\n": "", "a": "\\u0007", "v": "\\u000b", "0": "\\u0000"}  # of Python, beside those of JSON


class NoCallError(Exception):
    """What is read is not what was looked for."""


class EndedError(Exception):
    """The answer has ended."""


def escaped(text: str) -> str:
    """Return a text as it stands within a string of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


class Source:
    """The text of an answer as far as it has come, and a place in it."""

    def __init__(self, text: str = "", ended: bool = False) -> None:
        self.text, self.at, self.ended = text, 0, ended
        self.cut = False  # the answer has ended before the model ended it
        self.limit = -1  # a reader that comes beyond this place looks for a call in vain; -1: no limit

    def more(self) -> Reading[None]:
        """Wait for more text. Raises EndedError where none will come."""
        self.check()
        if self.ended:
            raise EndedError
        yield

    def forget(self) -> None:
        """Drop what has been read, where that is much: else each further chunk of a long call would copy all that came before.

        Only within a call, behind its name: before that, whoever looks for a call may go back to where it began. The caller holds no place.
        """
        if self.limit < 0 and self.at > MOST_READ:
            self.text, self.at = self.text[self.at :], 0

    def check(self) -> None:
        """Raise NoCallError where the limit is passed."""
        if 0 <= self.limit < self.at:
            raise NoCallError

    def peek(self) -> Reading[str]:
        """Return the next character without taking it."""
        while self.at >= len(self.text):
            yield from self.more()
        self.check()
        return self.text[self.at]

    def space(self) -> Reading[str]:
        """Skip white space, and return the character behind it without taking it."""
        while (yield from self.peek()).isspace():
            self.at += 1
        return self.text[self.at]

    def run(self, pattern: re.Pattern[str]) -> Reading[str]:
        """Take the characters that the pattern matches, as many as there are, up to one that it does not."""
        begin = self.at
        while True:
            found = pattern.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                self.check()
                return self.text[begin : self.at]
            yield from self.more()

    def exactly(self, text: str) -> Reading[None]:
        """Take a text. Raises NoCallError at the first character that differs."""
        for character in text:
            if (yield from self.peek()) != character:
                raise NoCallError
            self.at += 1

    def literal(self, text: str) -> Reading[None]:
        """Take a literal of a dialect, with any white space before it and where it has some, but none behind it.

        Raises NoCallError at the first character that differs.
        """
        yield from self._parts(text.strip())

    def _parts(self, text: str) -> Reading[None]:
        first = True
        for part in re.split(r"(\s+|[\0\1])", text):
            if part in _HOLES:
                yield from self.run(_HOLES[part])
            elif part and part.isspace():
                first = True
            elif part:
                if first:
                    yield from self.space()
                # A closing sign of a tag may stand behind a space of its own, and so may a bracket of JSON.
                yield from self._tolerant(part)
                first = False

    def _tolerant(self, part: str) -> Reading[None]:
        for position, character in enumerate(part):
            if position and character in "[{]}":
                yield from self.space()
            if (yield from self.peek()) != character:
                raise NoCallError
            self.at += 1

    def either(self, texts: tuple[str, ...]) -> Reading[int]:
        """Take the first of the literals that stands here, and return its number. Raises NoCallError where none does."""
        begin = self.at
        for number, text in enumerate(texts):
            self.at = begin
            try:
                yield from self.literal(text)
            except NoCallError:
                continue
            return number
        self.at = begin
        raise NoCallError

    def optional(self, text: str) -> Reading[bool]:
        """Take a literal if it stands here. Return whether it does."""
        begin = self.at
        if not text.strip():
            return False
        try:
            yield from self.literal(text)
        except NoCallError:
            self.at = begin
            return False
        return True


class ValueReader:
    """Reads one value and hands it on as JSON text, each part as soon as it is certain.

    It takes JSON, what Python writes for the same values, and objects with bare keys and quotes of their own.
    """

    def __init__(self, source: Source, write: Callable[[str], None], quote: str = "") -> None:
        self._source, self._write, self._quote = source, write, quote

    def value(self, depth: int = 0) -> Reading[None]:
        """Read a value of any kind. Raises NoCallError where there is none."""
        if depth > DEEPEST:
            raise NoCallError
        character = yield from self._source.space()
        if character == "{":
            self._source.at += 1
            yield from self.members("}", ":", depth)
        elif character == "[":
            yield from self._array(depth)
        elif character in "\"'" or (self._quote and character == self._quote[0]):
            yield from self.string()
        else:
            word = yield from self._source.run(_WORD)
            made = _CONSTANTS.get(word) or (word if _NUMBER.fullmatch(word) else "")
            if not made:
                raise NoCallError
            self._write(made)

    def members(self, end: str, colon: str, depth: int = 0) -> Reading[None]:
        """Read the members of an object up to the sign that ends it; its opening sign is taken already."""
        self._write("{")
        separator = ""
        while (yield from self._source.space()) != end:
            self._source.forget()
            self._write(separator)
            yield from self._key(colon)
            if (yield from self._source.space()) != colon:
                raise NoCallError
            self._source.at += 1
            self._write(": ")
            yield from self.value(depth + 1)
            separator = ", "
            yield from self._comma(end)
        self._source.at += 1
        self._write("}")

    def _key(self, colon: str) -> Reading[None]:
        if (yield from self._source.peek()) in "\"'" or (self._quote and self._source.text[self._source.at] == self._quote[0]):
            yield from self.string()
            return
        if not self._quote and colon == ":":
            raise NoCallError
        bare = (yield from self._source.run(_BARE)).strip()
        if not bare:
            raise NoCallError
        self._write(json.dumps(bare, ensure_ascii=False))

    def _array(self, depth: int) -> Reading[None]:
        self._source.at += 1
        self._write("[")
        separator = ""
        while (yield from self._source.space()) != "]":
            self._source.forget()
            self._write(separator)
            yield from self.value(depth + 1)
            separator = ", "
            yield from self._comma("]")
        self._source.at += 1
        self._write("]")

    def _comma(self, end: str) -> Reading[None]:
        character = yield from self._source.space()
        if character == ",":
            self._source.at += 1
        elif character != end:
            raise NoCallError

    def string(self) -> Reading[None]:
        """Read a text between quotes."""
        first = yield from self._source.peek()
        if self._quote and first == self._quote[0]:
            yield from self._source.exactly(self._quote)
            self._write('"')
            yield from self.until(self._quote)
            self._write('"')
            return
        if first not in "\"'":
            raise NoCallError
        self._source.at += 1
        self._write('"')
        while True:
            self._source.forget()
            begin = self._source.at
            found = (_PLAIN if first == '"' else _PLAIN_SINGLE).match(self._source.text, begin)
            self._source.at = found.end() if found else begin
            self._write(self._source.text[begin : self._source.at])
            character = yield from self._source.peek()
            if self._source.at == begin or not _plain(character, first):
                if character == first and (first == '"' or (yield from self._ends_here())):
                    break
                yield from self._special(character)
        self._source.at += 1
        self._write('"')

    def _ends_here(self) -> Reading[bool]:
        """Return whether a single quote ends a text: not in "it's", which templates write without a backslash."""
        source, begin = self._source, self._source.at
        source.at += 1
        behind = yield from source.space()
        source.at = begin
        return behind in ",:)]}"

    def _special(self, character: str) -> Reading[None]:
        """Read a character that may not stand in a string of JSON as it is."""
        if character != "\\":
            self._source.at += 1
            self._write(escaped(character))
            return
        begin = self._source.at
        self._source.at += 1
        escape = yield from self._source.peek()
        self._source.at += 1
        if escape in '"\\/bfnrt':
            self._write("\\" + escape)
        elif escape in "ux":
            digits = yield from self._hexadecimal(4 if escape == "u" else 2)
            self._write(f"\\u{digits:0>4}")
        else:
            self._write(_ESCAPES.get(escape, escaped(self._source.text[begin : self._source.at])))

    def _hexadecimal(self, count: int) -> Reading[str]:
        digits = ""
        for _ in range(count):
            digit = yield from self._source.peek()
            if digit not in "0123456789abcdefABCDEF":
                raise NoCallError
            digits += digit
            self._source.at += 1
        return digits

    def until(self, end: str, dropped: str = "") -> Reading[None]:
        """Hand on a text as it stands, up to `end`, which is taken; `dropped` is left out where it stands right before the end."""
        held = dropped + end
        while True:
            source = self._source
            source.forget()
            place = source.text.find(end, source.at)
            if place >= 0:
                text = source.text[source.at : place]
                self._write(escaped(text.removesuffix(dropped) if dropped else text))
                source.at = place + len(end)
                source.check()
                return
            sure = max(source.at, len(source.text) - len(held) + 1)
            sure = next((n for n in range(sure, len(source.text)) if _may_begin(source.text[n:], dropped, end)), len(source.text))
            self._write(escaped(source.text[source.at : sure]))
            source.at = sure
            yield from source.more()


_BARE = re.compile(r"[^\"',:=(){}\[\]]*")


def _plain(character: str, quote: str) -> bool:
    return character not in (quote, "\\") and character >= " "


def _may_begin(text: str, dropped: str, end: str) -> bool:
    return (dropped + end).startswith(text) or end.startswith(text)


def read_at_once(text: str) -> str | None:
    """Return the value that the whole text is, as JSON text; None where it is none."""
    written: list[str] = []
    source = Source(text + "\n", True)
    try:
        for _ in ValueReader(source, written.append).value():
            pass
    except (NoCallError, EndedError):
        return None
    return "".join(written) if not source.text[source.at :].strip() else None
