"""Builds the grammar of strings as JSON writes them: lengths, patterns and formats, alone or together.

Fed by `converter` with the demands of all schemas of one place; the languages are cached across schemas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from echorator.prompting.schema import grammar as g
from echorator.prompting.schema.automata import MOST_STATES, Machine, Writer
from echorator.prompting.schema.characters import contains, union, without
from echorator.prompting.schema.expressions import (
    MOST_WORK,
    Expression,
    Expressions,
    TooLargeError,
    has_complement,
    is_simple,
    lengths,
    sets_of,
    shortened,
)
from echorator.prompting.schema.formats import FORMATS
from echorator.prompting.schema.patterns import PatternError, pattern_expression

LONGEST_STRING = 10_000  # characters; a larger maxLength is written as this
MOST_COUNTED = 800  # limit of a pattern's states times its maxLength; beyond it the pattern's repetitions are cut to fit


SHORTER = (200, 60)  # lengths that texts of a pattern are cut to where a greater maxLength needs too large a grammar


@dataclass(frozen=True, slots=True)
class Strings:
    """The demands of a schema on a string. Lengths are characters; `most` None: there is no bound."""

    least: int = 0
    most: int | None = None
    patterns: tuple[str, ...] = ()
    without_patterns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()  # only formats in FORMATS
    excluded: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """Return whether only the length is restricted."""
        return not (self.patterns or self.without_patterns or self.formats or self.excluded)


def expression(pool: Expressions, asked: Strings) -> Expression:
    """Return the language of the strings that meet all demands. Raises PatternError or TooLargeError."""
    parts = [pattern_expression(pool, FORMATS[name]) for name in asked.formats]
    parts += [pattern_expression(pool, pattern) for pattern in asked.patterns]
    parts += [pool.other(pattern_expression(pool, pattern)) for pattern in asked.without_patterns]
    if asked.excluded:
        parts.append(pool.other(pool.either(*map(pool.text, asked.excluded))))
    found, least, most = _with_lengths(pool, pool.both(*parts), asked)
    low, high = lengths(found)
    if most is not None and high is not None and high <= most:
        most = None
    # An automaton of a counted format is large, and cutting the format's repetitions loses nothing that matters.
    if (
        most is not None
        and not is_simple(found)
        and (not asked.patterns or len(Machine(pool, found).states(MOST_STATES)) * most > MOST_COUNTED)
    ):
        found, most = shortened(pool, found, most), None
    if low < least or most is not None:
        found = pool.both(found, pool.repeat(pool.any, least, most))
    return found


def _with_lengths(pool: Expressions, found: Expression, asked: Strings) -> tuple[Expression, int, int | None]:
    """Return the language without parts that only bound its length, such as the lookahead (?=.{1,253}$), and the bounds of the length."""
    least, most = asked.least, asked.most
    if found.kind != "both":
        return found, least, most
    kept, cleared = [], []
    for part in found.parts:
        simple, rest = part, pool.empty
        if part.kind == "cat" and part.parts[1].nullable:
            simple, rest = part.parts
        extra = lengths(rest)[1]
        if is_simple(simple) and extra is not None and extra <= 1 and _nearly_any(simple):
            low, high = (simple.least, simple.most) if simple.kind == "repeat" else (1, 1)
            least = max(least, low)
            most = high if most is None else most if high is None else min(most, high)
            cleared.append(simple.parts[0] if simple.kind == "repeat" else simple)
        else:
            kept.append(part)
    # The characters of such a part matter only where no other part forbids what the part does not take.
    others = [union(*sets_of(part)) for part in kept if not has_complement(part)]
    cleared = [chars for chars in cleared if all(without(other, chars.parts[0]) for other in others)]
    return pool.both(*kept, *(pool.repeat(chars, 0, None) for chars in cleared)), least, most


def _nearly_any(simple: Expression) -> bool:
    """Return whether a set has all characters but some control characters and line ends, which most patterns exclude anyway."""
    ranges = simple.parts[0].parts[0] if simple.kind == "repeat" else simple.parts[0]
    return len(ranges) <= 6 and contains(ranges, 0x20) and contains(ranges, 0x7E) and contains(ranges, 0x1F600)


@lru_cache(maxsize=64)
def string_rules(asked: Strings) -> tuple[g.Node, dict[str, g.Node], int]:
    """Return the contents of such a string, without its quotes: a node, the rules it needs, and the work it took.

    Raises:
        PatternError: a pattern is malformed, or all together need too large a grammar.
    """
    attempts = [asked]
    if asked.patterns and asked.formats:  # the format is an annotation where a pattern is more exact
        attempts.append(replace(asked, formats=()))
    for most in SHORTER:
        if asked.most is not None and asked.most > most >= 2 * asked.least:
            attempts.append(replace(attempts[-1], most=most))
    work = 0
    for attempt in attempts:
        pool = Expressions(MOST_WORK if attempt is attempts[-1] else MOST_WORK // 10)
        writer = Writer(pool)
        try:
            return writer.write(expression(pool, attempt)), writer.rules, work + pool.work
        except TooLargeError:
            work += pool.work
    together = len(asked.patterns) + len(asked.formats) + bool(asked.excluded) > 1 or asked.least or asked.most is not None
    what = "together with the other bounds of the string needs" if together else "needs"
    raise PatternError(f"{what} too large a grammar; make it simpler, or leave out minLength and maxLength")


@lru_cache(maxsize=16)
def _machine(pattern: str) -> Machine:
    pool = Expressions()
    return Machine(pool, pattern_expression(pool, pattern))


def found_in(pattern: str, text: str) -> bool:
    """Return whether the pattern matches somewhere in the text.

    Raises:
        PatternError: the pattern is malformed, or the match would take too long.
    """
    try:
        return _machine(pattern).matches(text)
    except TooLargeError:
        _machine.cache_clear()  # drops the states that earlier texts needed, which count as work
    try:
        return _machine(pattern).matches(text)
    except TooLargeError as e:
        raise PatternError("is too large to be compared with a text; make it simpler") from e
