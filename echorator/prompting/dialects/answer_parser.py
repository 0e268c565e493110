"""Splits an answer, while it comes, into text, thought and calls of tools.

A part is handed on at the first character at which it is certain, and nothing is ever taken back. A marker of the dialect is a
marker only where it can stand: what opens a thought, at the beginning of the answer or behind a thought or call (unless it is
a control token); what opens calls, where a call of a known tool follows. Anything else is text, as it stands. White space around
markers is dropped. Fed by `agent`, with the text of the engine's events.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from echorator.prompting.dialects.call_reader import CallReader
from echorator.prompting.dialects.deltas import Delta, Deltas, Text, Thought
from echorator.prompting.dialects.dialect import ID, Calls, Dialect, JsonCall, Tool
from echorator.prompting.dialects.literals import tokens
from echorator.prompting.dialects.reading import EndedError, NoCallError, Reading, Source


class AnswerParser:
    """The parser of one answer. Feed it the text as it comes, and finish it."""

    def __init__(self, dialect: Dialect, tools: Sequence[Tool], opening: str = "") -> None:
        """Begin an answer.

        Args:
            dialect: how the model writes.
            tools: which may be called; without any, nothing is a call.
            opening: the prompt, or its end. It may have opened the thought already, or begun the answer.
        """
        self._source, self._deltas = Source(), Deltas()
        known = {tool.name: tool for tool in tools}
        calls = dialect.calls if known else None
        self._reader = CallReader(self._source, calls, known, self._deltas) if calls else None
        self._thoughts = dialect.thoughts
        self._opens = _openers(calls) if calls else {}
        self._bare = calls is not None and isinstance(calls.form, JsonCall) and not (calls.opens or calls.section_opens)
        names = list(known) or [""]
        silent = {text.replace(ID, name).strip(): None for text in dialect.silent for name in (names if ID in text else [""])}
        closers = (calls.section_closes, calls.closes) if calls else ()
        self._after_calls = {text.strip() for text in closers if _is_tag(text.strip())}
        thought_marks = [self._thoughts.opens.strip(), self._thoughts.closes.strip()] if self._thoughts else []
        self._thought_marks = set(filter(None, thought_marks)) - set(silent)
        self._silent = set(filter(None, silent))
        marks = {*self._opens, *self._silent, *self._thought_marks, *self._after_calls}
        self._marks = _Marks(marks)
        self._ends_thought = _Marks({self._thoughts.closes.strip()} if self._thoughts else set())
        self._thinking = thinks(dialect, opening)
        self._fresh = not self._thinking  # no text has come yet in this part
        self._dropping = self._thinking  # white space at the beginning of the part is dropped
        self._leading = dialect.leading if opening.rstrip().endswith(dialect.begins.strip()) else ""
        self._trailing = dialect.ends[: len(dialect.ends) - len(dialect.ends.lstrip())]  # white space behind every answer
        self._space = ""  # white space that is dropped if a marker follows
        self._called = False  # the last part was a call
        self._resting = False  # all text that came has been handed on, so that a plain chunk need only be scanned
        if dialect.carried and opening.endswith(dialect.carried):
            self._source.text = dialect.carried
        self._running = self._run()
        self._step()

    def feed(self, text: str) -> list[Delta]:
        """Take the next text of the answer, and return what is certain now."""
        if self._resting and text and not (self._ends_thought if self._thinking else self._marks).risk.search(text):
            told, self._space = self._space + text, ""
            return [Thought(told) if self._thinking else Text(told)]
        self._source.text = self._source.text[self._source.at :] + text if self._resting else self._source.text + text
        self._source.at = 0 if self._resting else self._source.at
        self._resting = False
        self._step()
        return self._deltas.taken()

    def finish(self, cut: bool = False) -> list[Delta]:
        """Return what the end of the answer makes certain. A call that has no name yet is dropped.

        `cut`: a limit or a stop text cut the answer short. Then what may be the beginning of a marker is dropped too, for the model was
        perhaps about to write the rest of it. At an end that the model chose it is text.
        """
        self._source.ended, self._source.cut = True, cut
        self._resting = False
        self._step()
        return self._deltas.taken()

    def _step(self) -> None:
        try:
            next(self._running)
        except StopIteration:
            return

    def _run(self) -> Reading[None]:
        try:
            while True:
                yield from self._thought() if self._thinking else self._text()
        except EndedError:
            return

    # Thoughts

    def _thought(self) -> Reading[None]:
        source = self._source
        while True:
            found, sure = self._ends_thought.find(source)
            self._say(source.text[source.at : sure], self._deltas.thought)
            source.at = sure
            if found:
                source.at = sure + len(found)
                self._thinking = False
                self._fresh_part()
                return
            yield from self._wait(self._deltas.thought)

    # Text

    def _text(self) -> Reading[None]:
        source = self._source
        while True:
            if self._bare and self._fresh and (yield from self._bare_call()):
                continue
            found, sure = self._marks.find(source)
            self._say(source.text[source.at : sure], self._deltas.text)
            source.at = sure
            if not found:
                yield from self._wait(self._deltas.text)
            elif found in self._opens and (yield from self._call(found)):
                pass
            elif self._reads(found):
                source.at += len(found)
                self._fresh_part()
                if self._thoughts and found == self._thoughts.opens.strip() and found in self._thought_marks:
                    self._thinking = True
                    return
            else:
                self._say(source.text[sure : sure + 1], self._deltas.text)
                source.at = sure + 1

    def _reads(self, found: str) -> bool:
        """Return whether a marker is one here, where no call follows."""
        if found in self._silent:
            return True
        if found in self._thought_marks:
            return self._fresh or (self._thoughts is not None and self._thoughts.anywhere)
        return found in self._after_calls and self._called and self._fresh

    def _call(self, found: str) -> Reading[bool]:
        """Read the calls that a marker opens. Return whether there are any."""
        assert self._reader is not None
        source = self._source
        begin = source.at
        for opens in self._opens[found]:
            source.at = begin
            count = self._deltas.calls
            try:
                yield from self._reader.section(opens)
            except NoCallError:
                if self._deltas.calls == count:
                    continue
            self._fresh_part()
            self._called = True
            return True
        source.at = begin
        return False

    def _bare_call(self) -> Reading[bool]:
        """Read a call that nothing opens: an object at the beginning of a part. Return whether there is one."""
        assert self._reader is not None
        source = self._source
        begin, count = source.at, self._deltas.calls
        try:
            while (yield from source.peek()).isspace():
                source.at += 1
            if source.text[source.at] != "{":
                raise NoCallError  # noqa: TRY301
            yield from self._reader.section("")
        except (NoCallError, EndedError) as error:
            cut = isinstance(error, EndedError) and source.cut
            if self._deltas.calls > count or (cut and self._reader.begins_object(source.text[begin:])):
                raise
            source.at = begin
            self._fresh = False
            return False
        self._fresh_part()
        self._called = True
        return True

    # What is handed on

    def _fresh_part(self) -> None:
        self._fresh = self._dropping = True
        self._called = False
        self._space = self._leading = ""

    def _say(self, text: str, write: object) -> None:
        """Hand on a part of text or thought, but for the white space at its end."""
        assert callable(write)
        told = self._space + text
        if self._dropping:
            told = told.lstrip()
        elif self._leading and told.strip():
            told, self._leading = told.removeprefix(self._leading), ""
        kept = told.rstrip()
        self._space = told[len(kept) :]
        if kept:
            write(kept)
            self._fresh = self._dropping = False

    def _wait(self, write: object) -> Reading[None]:
        """Wait for more text. At the end of the answer, what was held back is handed on."""
        source = self._source
        if source.ended:
            rest, source.at = source.text[source.at :], len(source.text)
            if source.cut and (rest or self._fresh):
                raise EndedError  # the beginning of a marker, or white space that stands around one
            if not (self._called and self._fresh):
                assert callable(write)
                told = self._space + rest
                told = told.lstrip() if self._dropping else told.removeprefix(self._leading)
                write(told.removesuffix(self._trailing) if self._trailing else told)
            raise EndedError
        self._resting = source.at >= len(source.text) and not (self._fresh or self._dropping)
        yield from source.more()


class _Marks:
    """Finds the first of some texts, or what may become one."""

    def __init__(self, marks: set[str]) -> None:
        self._marks = sorted(marks, key=lambda mark: (-len(mark), mark))
        self._pattern = re.compile("|".join(map(re.escape, self._marks)) or r"(?!)")
        self._longest = max(map(len, marks), default=0)
        firsts = "".join(sorted({re.escape(mark[0]) for mark in marks}))
        self.risk = re.compile(rf"[{firsts}]|\s\Z" if firsts else r"\s\Z")

    def find(self, source: Source) -> tuple[str, int]:
        """Return the first marker, "" where there is none, and the place up to which no marker can begin."""
        found = self._pattern.search(source.text, source.at)
        end = found.start() if found else len(source.text)
        if not source.ended or source.cut:
            for place in range(max(source.at, len(source.text) - self._longest + 1), min(end + 1, len(source.text))):
                rest = source.text[place:]
                if any(len(mark) > len(rest) and mark.startswith(rest) for mark in self._marks):
                    return "", place
        return (found[0], end) if found else ("", end)


def _openers(calls: Calls) -> dict[str, list[str]]:
    """Return by marker the literals that begin calls with it."""
    whole = [calls.section_opens + calls.opens, *calls.also_opens]
    if calls.section_opens and calls.opens:
        whole.append(calls.opens)
    made: dict[str, list[str]] = {}
    for opens in whole:
        if marker := opener(opens):
            made.setdefault(marker, []).append(opens)
    return made


def opener(opens: str) -> str:
    """Return the beginning of a literal by which it is found: its first marker, or what stands before a space."""
    parts = tokens(opens.strip())
    if not parts:
        return ""
    if len(parts) > 1 and _is_tag(parts[0]):
        return parts[0] if parts[1].isspace() or not parts[1].isalnum() else "".join(parts[:2])
    return re.split(r"[\s\0\1]", opens.strip())[0]


def _is_tag(text: str) -> bool:
    return len(text) > 2 and text[0] + text[-1] in ("<>", "[]")


def thinks(dialect: Dialect, opening: str) -> bool:
    """Return whether the prompt leaves a thought open."""
    thoughts, begins = dialect.thoughts, dialect.begins.strip()
    if thoughts is None or not thoughts.opens.strip():
        return False
    opens, closes = thoughts.opens.strip(), thoughts.closes.strip()
    _, begun, answer = opening.rpartition(begins) if begins else ("", "", opening)
    if not begun:
        return opening.rstrip().endswith(opens)
    last = answer.rfind(opens)
    return last >= 0 and answer.rfind(closes) < last
