r"""Reads the regular expressions of `pattern` (ECMA-262, in what it shares with Python's and Rust's) into expressions.

A pattern is searched for, so that without ^ and $ anything may stand before and after it. Lookaheads are intersections with, or
complements of, what may follow. Refused with an explanation: what is not regular (back references), lookbehind, \b, flags, and what
dialects read differently.
"""

from __future__ import annotations

from typing import Any, NoReturn

from echorator.prompting.schema import characters
from echorator.prompting.schema.characters import Ranges, complement, union
from echorator.prompting.schema.expressions import Expression, Expressions

LONGEST_PATTERN = 4000  # characters
DEEPEST_PATTERN = 40  # nesting depth of groups
MOST_REPEATS = 100_000
MOST_WAYS = 64  # alternatives that anchors or lookaheads within groups may add up to
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_SPECIAL = frozenset("^$\\.*+?()[]{}|/")


class PatternError(Exception):
    """The pattern is malformed or cannot be honoured; the message says what to change."""


Tree = tuple[Any, ...]  # ("expr", Expression), ("begin",), ("end",), ("cat", trees), ("alt", trees), ("ahead", tree, negative)
_BEGIN: Tree = ("begin",)
_END: Tree = ("end",)


def pattern_expression(pool: Expressions, pattern: str) -> Expression:
    """Return the language of all texts in which `pattern` is found.

    Raises:
        PatternError: the pattern is malformed or cannot be honoured.
        TooLargeError: the pattern has too many parts.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"has {len(pattern)} characters, at most {LONGEST_PATTERN} are taken")
    reader = _Reader(pool, pattern)
    tree = reader.alternatives(0)
    if reader.at < len(pattern):
        reader.refuse("has a ) without its (")
    return pool.either(*(_searched(pool, way, anchored=False) for way in _ways(tree)))


def _ways(tree: Tree) -> list[list[Tree]]:
    """Return flat sequences of expressions, anchors and lookaheads that together are equivalent to the tree."""
    if tree[0] == "alt":
        ways = [way for part in tree[1] for way in _ways(part)]
    elif tree[0] == "cat":
        ways = [[]]
        for part in tree[1]:
            if part[0] in ("alt", "cat"):
                ways = [way + more for way in ways for more in _ways(part)]
            else:
                for way in ways:
                    way.append(part)
            if len(ways) > MOST_WAYS:
                break
    else:
        ways = [[tree]]
    if len(ways) > MOST_WAYS:
        raise PatternError("has anchors or lookaheads in too many alternatives; write them at its two ends")
    return ways


def _searched(pool: Expressions, way: list[Tree], anchored: bool) -> Expression:
    """Return the language of one sequence. `anchored`: it begins where the text does; otherwise anything may precede it."""
    rest = pool.all
    begun = False  # a ^ was met: what stands before it must be empty
    for part in reversed(way):
        if part[0] == "expr":
            if not begun:
                rest = pool.cat(part[1], rest)
            elif not part[1].nullable:
                return pool.nothing
        elif part[0] == "end":
            rest = pool.both(rest, pool.empty)
        elif part[0] == "begin":
            begun = True
        else:
            ahead = pool.either(*(_searched(pool, inner, anchored=True) for inner in _ways(part[1])))
            rest = pool.both(rest, pool.other(ahead) if part[2] else ahead)
    return rest if begun or anchored else pool.cat(pool.all, rest)


class _Reader:
    """A recursive-descent parser of one pattern."""

    def __init__(self, pool: Expressions, pattern: str) -> None:
        self.pool = pool
        self.pattern = pattern
        self.at = 0
        self.narrow = True  # False within lookaheads, whose languages may be subtracted

    def refuse(self, what: str) -> NoReturn:
        raise PatternError(f"{what} (at character {self.at + 1})")

    def peek(self, ahead: int = 0) -> str:
        return self.pattern[self.at + ahead : self.at + ahead + 1]

    def take(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def alternatives(self, depth: int) -> Tree:
        ways = [self.sequence(depth)]
        while self.take("|"):
            ways.append(self.sequence(depth))
        if all(way[0] == "expr" for way in ways):
            return ("expr", self.pool.either(*(way[1] for way in ways)))
        return ("alt", tuple(ways)) if len(ways) > 1 else ways[0]

    def sequence(self, depth: int) -> Tree:
        parts: list[Tree] = []
        while self.at < len(self.pattern) and self.peek() not in "|)":
            parts.append(self.repeated(self.atom(depth)))
        if all(part[0] == "expr" for part in parts):
            return ("expr", self.pool.cat(*(part[1] for part in parts)))
        return ("cat", tuple(parts))

    def repeated(self, part: Tree) -> Tree:
        bounds = self.bounds()
        if bounds is None:
            return part
        least, most = bounds
        self.take("?")  # a lazy quantifier has the same language
        if self.peek() in ("*", "+", "?") and self.peek():
            self.refuse("has a quantifier behind a quantifier; put the first into a group (?:...)")
        if part[0] == "expr":
            return ("expr", self.pool.repeat(part[1], least, most))
        if (least, most) == (1, 1):
            return part
        if (least, most) == (0, 1) and part[0] in ("cat", "alt"):
            return ("alt", (part, ("expr", self.pool.empty)))
        self.refuse("repeats an anchor or a lookahead; repeat only what stands beside it")

    def bounds(self) -> tuple[int, int | None] | None:
        """Parse the quantifier at this position; None if there is none."""
        for sign, found in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return found
        if self.peek() != "{":
            return None
        end = self.pattern.find("}", self.at)
        inside = self.pattern[self.at + 1 : end] if end > 0 else ""
        low, comma, high = inside.partition(",")
        if not (low.isascii() and low.isdigit()):
            if comma and not low and high.isascii() and high.isdigit():
                self.refuse(f"has {{,{high[:8]}}}, which dialects read differently; write {{0,{high[:8]}}}")
            return None  # the brace is an ordinary character
        if high and not (high.isascii() and high.isdigit()):
            return None
        if len(low.lstrip("0")) > 6 or len(high.lstrip("0")) > 6 or int(low) > MOST_REPEATS or (high and int(high) > MOST_REPEATS):
            self.refuse(f"repeats more than {MOST_REPEATS} times")
        most = int(high) if high else None if comma else int(low)
        if most is not None and most < int(low):
            self.refuse(f"has {{{inside}}}, whose first number is above the second")
        self.at = end + 1
        return int(low), most

    def atom(self, depth: int) -> Tree:
        if self.take("^"):
            return _BEGIN
        if self.take("$"):
            return _END
        if self.take("("):
            return self.group(depth)
        if self.take("["):
            return ("expr", self.pool.chars(self.bracketed()))
        if self.take("."):
            return ("expr", self.pool.chars(complement(characters.LINE_ENDS if self.narrow else ((0x0A, 0x0A),))))
        if self.peek() == "\\":
            if self.take("\\A"):
                return _BEGIN
            if self.take("\\z") or self.take("\\Z"):
                return _END
            return ("expr", self.pool.chars(self.escape(within=False)))
        if self.peek() in ("*", "+", "?"):
            self.refuse(f"has a {self.peek()} that repeats nothing; write \\{self.peek()} for the character")
        if self.peek() == "{" and self.bounds() is not None:
            self.refuse("has a quantifier that repeats nothing; write \\{ for the character")
        self.at += 1
        return ("expr", self.pool.chars(self.point(ord(self.pattern[self.at - 1]))))

    def point(self, point: int) -> Ranges:
        if 0xD800 <= point <= 0xDFFF:
            self.refuse("has half of a surrogate pair, which no text holds")
        return ((point, point),)

    def group(self, depth: int) -> Tree:
        if depth >= DEEPEST_PATTERN:
            self.refuse(f"nests groups more than {DEEPEST_PATTERN} deep")
        ahead = self.pattern[self.at : self.at + 2] in ("?=", "?!")
        negative = self.pattern.startswith("?!", self.at)
        if ahead:
            self.at += 2
        elif self.peek() == "?" and not self.take("?:"):
            if self.pattern.startswith(("?<=", "?<!"), self.at):
                self.refuse("has a lookbehind, which is not taken; say it with what stands before")
            if not self.take("?<") and not self.take("?P<"):
                self.refuse("has a (? group that is not taken; use (?:...), (?<name>...), (?=...) or (?!...)")
            end = self.pattern.find(">", self.at)
            if end < 0 or not self.pattern[self.at : end].isidentifier():
                self.refuse("has a group whose name is malformed")
            self.at = end + 1
        was_narrow = self.narrow
        self.narrow = was_narrow and not ahead
        inner = self.alternatives(depth + 1)
        self.narrow = was_narrow
        if not self.take(")"):
            self.refuse("has a ( without its )")
        return ("ahead", inner, negative) if ahead else inner

    def escape(self, within: bool) -> Ranges:
        """Parse an escape and return its set of characters; `within`: between brackets."""
        self.at += 1
        letter = self.peek()
        if not letter:
            self.refuse("ends with a backslash")
        self.at += 1
        if letter in "dwsDWS":
            return characters.narrow(letter) if self.narrow else characters.wide(letter)
        if letter in _CONTROLS:
            return self.point(_CONTROLS[letter])
        if letter in "xu":
            return self.point(self.hexadecimal(letter))
        if letter in "pP":
            return self.property(letter == "P")
        if letter == "0" and not self.peek().isdigit():
            return self.point(0)
        if letter == "c" and self.peek().isascii() and self.peek().isalpha():
            self.at += 1
            return self.point(ord(self.pattern[self.at - 1]) & 31)
        if letter == "b" and within:
            return self.point(8)
        if letter in "bB":
            self.refuse(f"has \\{letter}, a word boundary, which is not taken; say it with the characters around it")
        if letter.isdigit() or letter == "k":
            self.refuse("has a back reference, which no grammar expresses")
        if letter.isascii() and letter.isalnum():
            self.refuse(f"has \\{letter}, which is no escape")
        return self.point(ord(letter))

    def hexadecimal(self, letter: str) -> int:
        if letter == "u" and self.take("{"):
            end = self.pattern.find("}", self.at)
            digits = self.pattern[self.at : end] if end > 0 else ""
            self.at = end + 1
        else:
            digits = self.pattern[self.at : self.at + (2 if letter == "x" else 4)]
            if len(digits) < (2 if letter == "x" else 4):
                digits = ""
            self.at += len(digits)
        if not digits or len(digits) > 8 or any(c not in "0123456789abcdefABCDEF" for c in digits) or int(digits, 16) > characters.LAST:
            self.refuse(f"has a \\{letter} without the hexadecimal digits it needs")
        point = int(digits, 16)
        if 0xD800 <= point <= 0xDBFF and self.take("\\u"):
            low = self.pattern[self.at : self.at + 4]
            if len(low) == 4 and all(c in "0123456789abcdefABCDEF" for c in low) and 0xDC00 <= int(low, 16) <= 0xDFFF:
                self.at += 4
                return 0x10000 + ((point - 0xD800) << 10) + int(low, 16) - 0xDC00
        return point

    def property(self, inverted: bool) -> Ranges:
        end = self.pattern.find("}", self.at) if self.take("{") else -1
        name = self.pattern[self.at : end] if end > 0 else ""
        found = characters.of_property(name, inverted, self.narrow)
        if found is None:
            self.refuse(f"has \\p{{{name[:20]}}}, of which only general categories such as \\p{{L}} and \\p{{Nd}} are taken")
        self.at = end + 1
        return found

    def bracketed(self) -> Ranges:
        """Parse a set between brackets, behind the opening bracket."""
        negated = self.take("^")
        if self.peek() == "]":
            self.refuse("has [] or [^], which dialects read differently; write \\] for the character")
        if self.pattern.startswith("[:", self.at):
            self.refuse("has a POSIX class, which dialects read differently; write the characters out")
        was_narrow = self.narrow
        self.narrow = was_narrow != negated
        found: list[Ranges] = []
        while not self.take("]"):
            if self.at >= len(self.pattern):
                self.refuse("has a [ without its ]")
            low = self.member()
            if self.peek() == "-" and self.peek(1) not in ("]", "") and _single(low):
                dash = self.at
                self.at += 1
                high = self.member()
                if _single(high):
                    if high[0][0] < low[0][0]:
                        self.refuse("has a range whose first character is behind the second")
                    low = union(((low[0][0], high[0][0]),))
                else:
                    self.at = dash  # the dash is a character, as in [a-\d]
            found.append(low)
        self.narrow = was_narrow
        merged = characters.common(union(*found), characters.EVERY)
        return complement(merged) if negated else merged

    def member(self) -> Ranges:
        if self.peek() == "\\":
            return self.escape(within=True)
        self.at += 1
        return self.point(ord(self.pattern[self.at - 1]))


def _single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
