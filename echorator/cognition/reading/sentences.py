"""Parts a text of any script into sentences, and into the passages by which a chat's turn is remembered. Pure; linear in the text.

A sentence ends at a full stop, question mark or exclamation mark of its script and at the end of its line, but not within a code
block, after an abbreviation, in a number or an address. Thai has no full stops: a space after a final particle, or between two long
clauses, ends a sentence there. Feeds `acts`, `facts` and the recording of turns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from echorator.cognition.letters import HAN, HANGUL, HIRAGANA, KATAKANA, STACKED
from echorator.cognition.reading.abbreviations import ABBREVIATIONS, COUNTED, NUMBERING, OPENERS, TITLES

LONGEST_BYTES = 16_384  # of a passage: what one memory may have
_FRAGMENT_WORDS = 3.0  # a sentence of so few words is joined to its neighbour
_JOINED = 240  # characters beyond which a passage takes no further fragment
_WRAPPED = 50  # characters of a line that was broken because it was full
_HEADING_WORDS = 8
_WINDOW = 40  # characters around a stop that are looked at

_NEW_LINE = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)[^`]*$")
_MARKER = re.compile(r"\s*(?:[-*+\u2022\u2023\u2043\u2013\u2014\u00b7]|#{1,6}|>+|\d{1,3}[.)]|\((?:\d{1,3}|[a-zA-Z])\)|[a-zA-Z]\))\s+(?=\S)")
_HEADING = re.compile(r"\s*(?:#{1,6}\s.*|\*\*[^*]+\*\*:?|__[^_]+__:?|.*[:\uff1a])\s*$")
_EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff\u200d\ufe0f"
_EMOTICON = r"[:;=8xX][-'^o]?[)(\]\[DPpOo|*3]+|<3|\^_?\^|\\o/"
_ANY_SCRIPT = "\u3002\uff01\uff1f\uff61\u061f\u06d4\u0964\u0965\u1362\u1367\u1368\u0589\u17d4\u17d5\u104b\u0f0d\u037e"
"""Stops of one script each, which end a sentence with or without a space behind them."""
_CLOSERS = "\"'\u201d\u2019\u00bb\u203a)\\]\u300d\u300f\u3011\u300b\u3009\uff09\uff02*_"
_STOP = re.compile(
    rf"(?P<stop>[.!?\u2026\uff0e{_ANY_SCRIPT}]+|[{_EMOJI}]+|(?<=[\u0370-\u03ff\u1f00-\u1fff]);)"
    rf"(?P<closed>[{_CLOSERS}]*)(?P<face>(?:\s*(?:(?:{_EMOTICON})(?=\s|$)|[{_EMOJI}]+))*)"
)
_LAST_TOKEN = re.compile(r"[^\s(\"'\u201c\u2018\u00ab\u00bf\u00a1]*$")
_NEXT_WORD = re.compile(r"[\s\"'\u201c\u2018\u00ab\u00bf\u00a1(\[]*([^\W\d_]+)")
_INITIAL = re.compile(r"\s+[^\W\d_]\.")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}$")
_WORD = re.compile(r"[^\W_]")
_CHARACTERS = re.compile(f"[{HAN}{HIRAGANA}{KATAKANA}{HANGUL}]")
_STACKED = re.compile(f"[{STACKED}]")
_SPACED = re.compile(rf"[^\W_{HAN}{HIRAGANA}{KATAKANA}{HANGUL}{STACKED}]+")
_CHARACTER_WORDS, _STACKED_WORDS = 0.7, 0.3  # words that a character stands for, on the mean

# Thai and Lao: a space between their letters, the particles after which it ends a sentence, and the words before which it does not.
_CLAUSES = re.compile(r"(?<=[\u0e00-\u0eff])[ \u3000]+(?=[\u0e00-\u0eff])")
_FINAL = re.compile("(?:ครับ|คับ|ค่ะ|คะ|จ้ะ|จ้า|จ๊ะ|ไหม|มั้ย|หรือเปล่า|หรือยัง|หรือไม่|ເດີ|ບໍ)$")
_GOES_ON = re.compile("(?:โดย|และ|แต่|เพราะ|หรือ|ที่|ซึ่ง|ว่า|ก็|จึง|เช่น|คือ|กับ|ของ|ๆ|ฯ|ແລະ|ແຕ່|ທີ່)")
_LONG_CLAUSE = 24  # characters


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence, a heading or a code block with all its characters, but for spaces around it."""

    text: str
    line: int  # pieces of the same line have the same number
    heading: bool = False
    code: bool = False


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, without the marks of list items and headings; a code block is one sentence."""
    return [piece.text if piece.code else piece.text[_marked(piece.text) :] for piece in _pieces(text)]


def passages(text: str, apart: Callable[[str], bool] = lambda _sentence: False) -> list[str]:
    """Return what becomes one memory each of a chat's turn; together they have every character of the text but white space.

    A passage is a sentence with the fragments of one to three words beside it and the heading before it, or a code block. One of more
    than `LONGEST_BYTES` is cut.

    Args:
        text: the turn.
        apart: tells which sentences are never joined to others, such as requests.
    """
    return [part for passage in _joined(_pieces(text), apart) for part in _cut(passage)]


def _joined(pieces: list[_Piece], apart: Callable[[str], bool]) -> Iterator[str]:
    """Yield the passages: pieces, with headings and fragments joined to their neighbours."""
    held = ""  # what will be joined to the next piece
    last: _Piece | None = None  # what the next fragment may be joined to
    for place, piece in enumerate(pieces):
        if apart(piece.text):
            yield from (each for each in (last.text if last else "", held, piece.text) if each)
            last, held = None, ""
            continue
        fragment = not piece.code and not held and _is_fragment(piece.text)
        if last is not None and fragment and not last.code and len(last.text) < _JOINED and not _begins_line(pieces, place):
            last = replace(last, text=_beside(last.text, piece.text, last.line == piece.line), line=piece.line)
            continue
        if (
            place + 1 < len(pieces)
            and len(held) < _JOINED
            and (piece.heading or (fragment and (last is None or _begins_line(pieces, place))))
        ):
            held = _beside(held, piece.text, same_line=False)
            continue
        if last is not None:
            yield last.text
        last, held = replace(piece, text=_beside(held, piece.text, bool(place) and pieces[place - 1].line == piece.line)), ""
    yield from (each for each in (last.text if last else "", held) if each)


def _beside(one: str, other: str, same_line: bool) -> str:
    return f"{one}{' ' if same_line else chr(10)}{other}" if one else other


def _begins_line(pieces: list[_Piece], place: int) -> bool:
    """Return whether the piece is the first of its line and others follow there."""
    line = pieces[place].line
    return (not place or pieces[place - 1].line != line) and place + 1 < len(pieces) and pieces[place + 1].line == line


def _is_fragment(text: str) -> bool:
    if len(text) > _WINDOW:
        return False
    return word_count(text) <= _FRAGMENT_WORDS


def word_count(text: str) -> float:
    """Return the number of words of a text; scripts without spaces count by characters, about as many as people would count."""
    characters, stacked = len(_CHARACTERS.findall(text)), len(_STACKED.findall(text))
    return len(_SPACED.findall(text)) + _CHARACTER_WORDS * characters + _STACKED_WORDS * stacked


def _pieces(text: str) -> list[_Piece]:
    """Return the sentences, headings and code blocks of a text in order."""
    found: list[_Piece] = []
    for number, (line, code) in enumerate(_lines(text)):
        if code:
            found.append(_Piece(line.strip(), number, code=True))
            continue
        parts: list[str] = []
        for part in filter(None, (part.strip() for part in _parts(line))):
            if parts and not _WORD.search(part):
                parts[-1] += f" {part}"  # signs alone are no sentence
            else:
                parts.append(part)
        heading = bool(parts) and _HEADING.match(parts[-1]) is not None and word_count(parts[-1]) <= _HEADING_WORDS
        found += [_Piece(part, number, heading=heading and part is parts[-1]) for part in parts]
    return found


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines that have more than spaces, those that were wrapped as one, with whether they are a whole block of code."""
    held: list[str] = []  # lines of one wrapped line, or of one block of code
    fence = ""
    for line in _NEW_LINE.split(text):
        mark = _FENCE.match(line)
        if fence:
            held.append(line)
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                yield "\n".join(held), True
                held, fence = [], ""
            continue
        if not mark and held and _goes_on(held[-1], line):
            held.append(line)
            continue
        if held:
            yield " ".join(held), False
        held = [line] if line.strip() else []
        fence = mark[1] if mark else ""
    if held:
        yield ("\n" if fence else " ").join(held), bool(fence)


def _goes_on(line: str, following: str) -> bool:
    """Return whether the sentence of a full line goes on in the following one."""
    begin = following.lstrip()[:1]
    return len(line) >= _WRAPPED and begin.islower() and not _marked(following) and line.rstrip()[-1:] not in (".", "!", "?", ":")


def _marked(line: str) -> int:
    """Return the number of characters by which a line is marked as an item, a heading or a quotation; "3. Mai" is none."""
    marker = _MARKER.match(line)
    if marker is None:
        return 0
    following = _NEXT_WORD.match(line, marker.end())
    return 0 if following and marker[0].strip()[:1].isdigit() and following[1].casefold() in COUNTED else marker.end()


def _parts(line: str) -> Iterator[str]:
    """Yield the sentences of a line, with the spaces around them."""
    begin = 0
    worded = False  # the part so far has a word: a lone "..." or ":)" is no sentence
    end = 0
    for stop in _STOP.finditer(line, _marked(line)):
        worded = worded or _WORD.search(line, end, stop.start()) is not None
        end = stop.end()
        if worded and _ends(line, stop):
            yield from _clauses(line[begin:end])
            begin, worded = end, False
    yield from _clauses(line[begin:])


def _ends(line: str, stop: re.Match[str]) -> bool:
    """Return whether a sentence ends at a stop within its line."""
    sign, end = stop["stop"], stop.end()
    after = line[end : end + _WINDOW]
    following = after.lstrip()[:1]
    if not following:
        return True
    before = line[max(0, stop.start() - _WINDOW) : stop.start()]
    if sign[-1] in _ANY_SCRIPT:
        return not (stop["closed"] and following in "とって、，,")
    if not after[:1].isspace():
        return bool(_CHARACTERS.match(before[-1:]) and _CHARACTERS.match(following)) or bool(stop["face"])
    if sign[-1] not in ".!?\u2026\uff0e;":  # a face
        return following.isupper()
    if "\u2026" in sign or sign.endswith(".."):
        return not following.islower()
    if stop["closed"].strip("*_") and following.islower():
        return False
    return not (sign == "." and not stop["closed"] and _abbreviates(before, after))


def _abbreviates(before: str, after: str) -> bool:
    """Return whether a full stop between the two belongs to an abbreviation or an ordinal number."""
    token = _LAST_TOKEN.search(before)
    word = token[0] if token else ""
    found = _NEXT_WORD.match(after)
    following = found[1] if found else ""
    if word.isdigit():
        return len(word) <= 2 and following.casefold() in COUNTED
    short = word.casefold()
    letter = len(word) == 1 and word.lower() != word.upper()
    if short in TITLES or (letter and _INITIAL.match(after)) or (short in NUMBERING and after.lstrip()[:1].isdigit()):
        return True
    if not (letter or short.rpartition("-")[2] in ABBREVIATIONS or _DOTTED.match(word)):
        return False
    return not (following[:1].isupper() and following.casefold() in OPENERS)


def _clauses(sentence: str) -> Iterator[str]:
    """Yield the sentences of a part that Thai or Lao part by spaces alone."""
    begin = 0
    for space in _CLAUSES.finditer(sentence):
        after = sentence[space.end() : space.end() + _LONG_CLAUSE]
        if _GOES_ON.match(after):
            continue
        long = space.start() - begin >= _LONG_CLAUSE and len(after) >= _LONG_CLAUSE and " " not in after
        if long or _FINAL.search(sentence, max(begin, space.start() - 12), space.start()):
            yield sentence[begin : space.start()]
            begin = space.end()
    yield sentence[begin:]


def _cut(passage: str) -> Iterator[str]:
    """Yield a passage in parts of at most `LONGEST_BYTES`, cut at a space or the end of a line where one is near."""
    while len(passage) > LONGEST_BYTES or len(passage.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        most = LONGEST_BYTES
        while (size := len(passage[:most].encode("utf-8", "surrogatepass"))) > LONGEST_BYTES:
            most = min(most - 1, most * LONGEST_BYTES // size)
        space = max(passage.rfind("\n", most * 3 // 4, most), passage.rfind(" ", most * 7 // 8, most))
        end = space if space > 0 else most
        if part := passage[:end].strip():
            yield part
        passage = passage[end:].lstrip()
    if passage:
        yield passage
