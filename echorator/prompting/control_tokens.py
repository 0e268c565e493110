"""Tells the control tokens that a chat template writes from those that are merely spelled out in a supplied text.

A chat template writes markers such as "<|im_end|>" as text, and the tokenizer turns them into control tokens. A user who writes
the same characters would get the same tokens. Where that could happen, the template is therefore rendered twice: once
as it is, and once with marks around every character of the supplied texts that a control token could be made of. A control token
found in the marked rendering contains no mark, so all of it came from the template.

A mark is a character of Unicode's private use that occurs nowhere else in the conversation. Pure; feeds `agent.chat_prompt`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

from echorator.errors import InvalidRequestError

PRIVATE_USE = range(0xE000, 0xF900)
WINDOW = 65_536  # characters searched at a time; other threads run between two windows
LONGEST_NAME = 64  # longest text that is looked for inside control tokens

_PRIVATE = re.compile(f"[{chr(PRIVATE_USE[0])}-{chr(PRIVATE_USE[-1])}]")
_BAR = "\uff5c"  # the full-width bar in DeepSeek's markers
# Matches texts such as "<think>", "[INST]" or "]~b]", but neither line ends nor "[[".
_MARKER = re.compile(rf"(?=.*[^\W\d_])(?=.*[]<>{{}}|{_BAR}\u3008\u3009[])\S+")
# Gemma's vocabulary has these as user-defined tokens, but there they are words of ordinary text.
_HTML = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|body|br|caption|code|dd|del|div|dl|dt|em|footer|h[1-6]|head|header|hr|html|i|img|ins|kbd|li|main|nav|"
    r"ol|p|pre|q|samp|section|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul|var)>"
)
_TAG = re.compile(rf"</?[^\s<>|{_BAR}]{{1,40}}>|\[/?[^\s\[\]]{{1,40}}\]")
_STRIPPED = " \t\n\v\f\r"  # isspace() of C


class SpecialToken(Protocol):
    """A special token of a vocabulary, with the attributes of `_native.engine.SpecialToken`."""

    @property
    def id(self) -> int:
        """Return the token's id in the vocabulary."""
        ...

    @property
    def text(self) -> str:
        """Return the text that stands for the token."""
        ...

    @property
    def control(self) -> bool:
        """Return whether the token is recognized only where special tokens are parsed."""
        ...

    @property
    def strips_left(self) -> bool:
        """Return whether white space before the token is dropped."""
        ...

    @property
    def strips_right(self) -> bool:
        """Return whether white space behind the token is dropped."""
        ...


def is_marker(token: SpecialToken) -> bool:
    """Return whether a special token steers the model. User-defined tokens that are words, spaces or HTML are ordinary text."""
    text = token.text.strip()
    return bool(text) and (token.control or (_MARKER.fullmatch(text) is not None and _HTML.fullmatch(text) is None))


class ControlTokens:
    """The markers of one vocabulary. All methods are pure and may be called from several threads."""

    def __init__(self, special: Iterable[SpecialToken]) -> None:
        """Collect the markers; `special` holds all special tokens of the vocabulary."""
        self._tokens: dict[str, SpecialToken] = {}
        for token in special:
            if is_marker(token):
                self._tokens.setdefault(token.text, token)
        signs = {c for text in self._tokens for c in text if not c.isalnum() and c not in " _-./:"}
        for text in self._tokens:
            if not signs.intersection(text):
                signs.update((text[0], text[-1]))
        self._all_texts = "\0".join(self._tokens)
        self._signs = re.compile(f"[{''.join(map(re.escape, sorted(signs)))}]") if signs else re.compile(r"(?!)")
        self._all_signs = frozenset(signs)
        self._longest = max(map(len, self._tokens), default=0)
        self._ids = frozenset(token.id for token in self._tokens.values())

    @cached_property
    def _markers(self) -> re.Pattern[str]:
        return _alternatives(self._tokens)

    @cached_property
    def _visible(self) -> re.Pattern[str]:
        """Match the markers that llama.cpp finds in every text, whether special tokens are parsed or not."""
        return _alternatives(text for text, token in self._tokens.items() if not token.control)

    @property
    def compiled(self) -> bool:
        """Return whether the patterns are compiled; the first search compiles them, a quarter of a second where there are thousands."""
        return "_markers" in self.__dict__

    def compile(self) -> None:
        """Compile the patterns, so that no later search has to."""
        self._visible.search("")
        self._markers.search("")

    def may_hold(self, text: str, name: bool = True) -> bool:
        """Return whether a part of `text` could belong to a marker; `name`: also all of it, in the middle, as in "<" + text + ">"."""
        if self._signs.search(text):
            return True
        return name and len(text) <= LONGEST_NAME and bool(part := text.strip()) and part in self._all_texts

    def holds(self, text: str) -> bool:
        """Return whether a whole marker is written in `text`."""
        return next(self._found(text), None) is not None

    def marked(self, text: str, mark: str, name: bool = True) -> str:
        """Return `text` with marks that keep every marker from containing a character of it. Without the marks it is `text` again."""
        if self._signs.search(text):
            table = {ord(sign): f"{mark}{sign}{mark}" for sign in self._all_signs}
            return "".join(text[at : at + WINDOW].translate(table) for at in range(0, len(text), WINDOW))
        if not self.may_hold(text, name):
            return text
        first = len(text) - len(text.lstrip()) + 1
        return f"{text[:first]}{mark}{text[first:]}"

    def marked_answer(self, text: str, mark: str, template: str) -> str:
        """Mark a text of the assistant, except for what the model itself writes visibly, such as "<think>".

        Templates search for these texts to leave out the reasoning of earlier turns. They are user-defined tokens, or not tokens at
        all but tags that the source of the template names.
        """
        out, begin = [], 0
        for tag in _TAG.finditer(text):
            token = self._tokens.get(tag[0])
            if (not token.control) if token is not None else tag[0] in template:
                out += [self.marked(text[begin : tag.start()], mark, False), tag[0]]
                begin = tag.end()
        return "".join([*out, self.marked(text[begin:], mark, not out)])

    def pieces(self, text: str, mark: str = "") -> list[int | str]:
        """Split `text` into the ids of markers and the plain texts between them, without the marks.

        As in llama.cpp, white space beside a marker that strips it is dropped. A marker of one character counts as plain text where
        marks stand on both sides.
        """
        found: list[int | str] = []
        begin, strip = 0, False

        def plain(end: int, strip_end: bool) -> None:
            part = text[begin:end].replace(mark, "") if mark else text[begin:end]
            part = part.lstrip(_STRIPPED) if strip else part
            part = part.rstrip(_STRIPPED) if strip_end else part
            if part:
                found.append(part)

        for match in self._found(text):
            token = self._tokens[match[0]]
            if mark and len(match[0]) == 1 and text[match.start() - 1 : match.start()] == mark == text[match.end() : match.end() + 1]:
                continue
            plain(match.start(), token.strips_left)
            found.append(token.id)
            begin, strip = match.end(), token.strips_right
        plain(len(text), False)
        return found

    def ids_in(self, text: str) -> list[int]:
        """Return the ids of the markers that are written in `text`."""
        return [self._tokens[match[0]].id for match in self._found(text)]

    def among(self, tokens: Iterable[int]) -> list[int]:
        """Return the tokens that are markers."""
        return [token for token in tokens if token in self._ids]

    def begins(self, text: str) -> bool:
        """Return whether `text` begins with a marker, at which the tokenizer would divide it from what stands before."""
        found = self._markers.match(text)
        return found is not None and not self._tokens[found[0]].strips_left

    def _found(self, text: str) -> Iterator[re.Match[str]]:
        at = 0
        for begin in range(0, len(text), WINDOW):
            for match in self._markers.finditer(text, max(at, begin), begin + WINDOW + self._longest):
                if match.start() >= begin + WINDOW:
                    break
                at = match.end()
                yield match

    def unread(self, text: str) -> list[str]:
        """Split a plain text so that llama.cpp finds no visible marker in any part."""
        parts, begin = [], 0
        for match in self._visible.finditer(text):
            cut = match.start() + 1
            if cut < match.end():
                parts.append(text[begin:cut])
                begin = cut
        return [*parts, text[begin:]]


def free_marks(count: int, texts: Iterable[str]) -> list[str]:
    """Return `count` characters of private use that occur in none of the texts.

    Raises:
        InvalidRequestError: too few such characters are left.
    """
    used = {character for text in texts if not text.isascii() for character in _PRIVATE.findall(text)}
    free = list(islice((character for character in map(chr, PRIVATE_USE) if character not in used), count))
    if len(free) < count:
        raise InvalidRequestError("messages: every character of Unicode's private use is in them; leave some out")
    return free


def texts_of(value: Any) -> Iterable[str]:
    """Yield every text in a JSON value, the keys of its objects included."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            pending += item


def mapped(value: Any, change: Callable[[str], str], change_key: Callable[[str], str]) -> Any:
    """Return a JSON value with every text and every key of its objects changed, in the same order."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change_key(key): mapped(item, change, change_key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mapped(item, change, change_key) for item in value]
    return value


def _alternatives(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for the longest of `texts` at a place; built as a trie, since a vocabulary may have thousands."""
    tree: dict[str, Any] = {}
    for text in texts:
        node = tree
        for character in text:
            node = node.setdefault(character, {})
        node[""] = {}
    return re.compile(_pattern(tree) if tree else r"(?!)")


def _pattern(node: dict[str, Any]) -> str:
    ends = "" in node
    ways = [re.escape(character) + _pattern(below) for character, below in node.items() if character]
    if not ways:
        return ""
    joined = ways[0] if len(ways) == 1 and not ends else f"(?:{'|'.join(ways)})"
    return f"{joined}?" if ends else joined
