"""Builds the grammar of numbers between bounds: integers exactly, others in decimal and in scientific notation.

A validator reads a text as the nearest double. The bounds of non-integers are therefore doubles: an exclusive bound becomes
the next double, inclusive; rounding keeps the order, and so keeps every text on its side. A multiple is a multiple in decimals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from echorator.prompting.schema import grammar as g
from echorator.prompting.schema.automata import Writer
from echorator.prompting.schema.characters import union
from echorator.prompting.schema.expressions import Expression, Expressions, TooLargeError
from echorator.prompting.schema.number_texts import FRACTION_DIGITS, INTEGER_DIGITS, LARGEST, LONGEST_BOUND, MULTIPLE_DIGITS, Texts

MOST_RESIDUES = 300  # step of multiples without an upper bound: each residue is a rule


class NumberError(Exception):
    """No grammar of a reasonable size holds these numbers; the message says what to change."""


Bound = int | float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The demands of a schema on a number. Bounds are ints or finite floats as in the JSON text."""

    minimum: Bound = None
    maximum: Bound = None
    above: Bound = None
    below: Bound = None
    multiples: tuple[int | float, ...] = ()
    integers: bool = True  # whether integers are allowed
    fractions: bool = True  # whether non-integers are allowed
    excluded: tuple[int, ...] = ()  # integers that are not allowed; for numbers without fractions only

    def with_bounds(self, minimum: Bound, maximum: Bound, above: Bound, below: Bound, multiple: Bound) -> Numbers:
        """Return the demands with further ones added: of each two bounds the tighter, and all multiples."""
        return Numbers(
            _tighter(self.minimum, minimum, True),
            _tighter(self.maximum, maximum, False),
            _tighter(self.above, above, True),
            _tighter(self.below, below, False),
            self.multiples if multiple is None or multiple in self.multiples else (*self.multiples, multiple),
            self.integers,
            self.fractions,
            self.excluded,
        )


def _tighter(a: Bound, b: Bound, lower: bool) -> Bound:
    """Return the stricter of two bounds; `lower`: they are lower bounds."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b) if lower else min(a, b)


@lru_cache(maxsize=64)
def number_rules(asked: Numbers) -> tuple[g.Node, dict[str, g.Node]]:
    """Return a node with the texts of these numbers, and the rules that it needs.

    Raises:
        NumberError: no grammar of a reasonable size holds the numbers.
    """
    pool = Expressions()
    writer = Writer(pool, spelled=False)
    try:
        texts = Texts(pool)
        multiple = _common_multiple(asked.multiples)
        if asked.integers and (not asked.fractions or (multiple is not None and multiple.denominator == 1)):
            return _integer_rules(texts, writer, asked, multiple)
        if multiple is not None:
            found = _decimal_multiples(texts, asked, multiple)
        elif asked.integers:
            found = _numbers(texts, asked)
        else:
            found = texts.plain(*_decimal_bounds(asked))
        if not asked.integers:
            whole = pool.cat(pool.repeat(texts.minus, 0, 1), pool.repeat(texts.digit, 1, None), texts.zeros_after_point())
            found = pool.both(found, pool.other(whole))
        return writer.write(found), writer.rules
    except TooLargeError as e:
        raise NumberError("its bounds with multipleOf make too large a grammar; choose another step or leave one of them out") from e


def _common_multiple(multiples: tuple[int | float, ...]) -> Fraction | None:
    found: Fraction | None = None
    for each in multiples:
        step = Fraction(Decimal(repr(each)))
        if found is not None:
            step = Fraction(
                math.lcm(found.numerator * step.denominator, step.numerator * found.denominator), found.denominator * step.denominator
            )
        found = step
    return found


def _integer_bounds(asked: Numbers) -> tuple[int | None, int | None]:
    low = None if asked.minimum is None else math.ceil(asked.minimum)
    high = None if asked.maximum is None else math.floor(asked.maximum)
    if asked.above is not None:
        above = math.floor(asked.above) + 1
        low = above if low is None else max(low, above)
    if asked.below is not None:
        below = math.ceil(asked.below) - 1
        high = below if high is None else min(high, below)
    return low, high


def _integer_rules(texts: Texts, writer: Writer, asked: Numbers, multiple: Fraction | None) -> tuple[g.Node, dict[str, g.Node]]:
    low, high = _integer_bounds(asked)
    most = 10**INTEGER_DIGITS
    # A bound beyond the longest written integer has no effect.
    low = None if low is not None and low <= -most else low
    high = None if high is not None and high >= most else high
    for bound in (low, high):
        if bound is not None and abs(bound) >= 10**LONGEST_BOUND:
            raise NumberError(f"its bounds have more than {LONGEST_BOUND} digits; choose nearer ones")
    pool = texts.pool
    if asked.excluded:
        integers = texts.integers(low, high, INTEGER_DIGITS)
        if multiple is not None:
            integers = pool.both(integers, pool.cat(pool.repeat(texts.minus, 0, 1), pool.multiple(multiple.numerator, 0)))
        return writer.write(pool.both(integers, pool.other(pool.either(*(pool.text(str(n)) for n in asked.excluded))))), writer.rules
    if multiple is None:
        return writer.write(texts.integers(low, high, INTEGER_DIGITS)), writer.rules
    step = multiple.numerator  # an integer is a multiple of n/d, in lowest terms, if and only if it is a multiple of n
    if low is not None and high is not None and (high - low) // step <= 200:
        return g.words([str(n) for n in range(-(-low // step) * step, high + 1, step)]), {}
    places = next((places for places in range(5) if 10**places % step == 0), None)
    if places is not None:
        return writer.write(texts.rounded(low, high, step, places)), writer.rules
    if high is None and (low is None or 0 <= low <= step) and step <= MOST_RESIDUES:
        return _residues(step, negative=low is None, zero=low is None or low == 0)
    signed = pool.cat(pool.repeat(texts.minus, 0, 1), pool.multiple(step, 0))
    return writer.write(pool.both(signed, texts.integers(low, high, MULTIPLE_DIGITS))), writer.rules


def _residues(step: int, negative: bool, zero: bool) -> tuple[g.Node, dict[str, g.Node]]:
    """Return multiples of any length: one rule for each residue of the digits read so far."""

    def ways(residue: int, first: int) -> g.Node:
        digits: dict[int, list[tuple[int, int]]] = {}
        for digit in range(first, 10):
            digits.setdefault((residue * 10 + digit) % step, []).append((0x30 + digit, 0x30 + digit))
        return g.alt(*(g.seq(("set", union(points)), ("ref", str(target))) for target, points in digits.items()))

    rules = {str(residue): g.alt(ways(residue, 0), *([] if residue else [g.EMPTY])) for residue in range(step)}
    positive = ways(0, 1)
    return g.alt(positive, *([g.lit("0")] if zero else []), *([g.seq(g.lit("-"), positive)] if negative else [])), rules


def _decimal_multiples(texts: Texts, asked: Numbers, multiple: Fraction) -> Expression:
    """Return the multiples of a step that is no integer, without exponents."""
    places = next((places for places in range(FRACTION_DIGITS + 1) if 10**places % multiple.denominator == 0), None)
    if places is None:
        raise NumberError(f"multipleOf has more than {FRACTION_DIGITS} digits behind the point; choose a shorter step")
    pool = texts.pool
    steps = multiple.numerator * 10**places // multiple.denominator
    texts.fraction_digits = places
    low, high = _decimal_bounds(asked)
    bounded = texts.plain(low, high, no_zero=_no_zero(asked), whole_digits=MULTIPLE_DIGITS if steps == 1 else None)
    return bounded if steps == 1 else pool.both(pool.cat(pool.repeat(texts.minus, 0, 1), pool.multiple(steps, places)), bounded)


def _as_double(bound: int | float, upward: bool) -> float:
    """Return the nearest double that is not below (`upward`) or not above the bound."""
    try:
        double = float(bound)
    except OverflowError:
        return math.inf if bound > 0 else -math.inf
    if upward and double < bound:
        return math.nextafter(double, math.inf)
    return math.nextafter(double, -math.inf) if not upward and double > bound else double


def _decimal_bounds(asked: Numbers) -> tuple[Decimal | None, Decimal | None]:
    """Return the bounds as inclusive ones, except that an exclusive bound at 0 stays 0; see `_no_zero`."""
    lows = [] if asked.minimum is None else [_as_double(asked.minimum, True)]
    highs = [] if asked.maximum is None else [_as_double(asked.maximum, False)]
    if asked.above is not None:
        above = _as_double(asked.above, False)
        lows.append(above if above == 0 else math.nextafter(above, math.inf))
    if asked.below is not None:
        below = _as_double(asked.below, True)
        highs.append(below if below == 0 else math.nextafter(below, -math.inf))
    low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
    if low > LARGEST or high < -LARGEST:
        raise NumberError("no double lies between its bounds")
    return None if low < -LARGEST else Decimal(repr(low)), None if high > LARGEST else Decimal(repr(high))


def _exactly(bound: Decimal | None) -> Decimal | None:
    """Return a bound for texts without an exponent: validators read an integer text exactly, not as the nearest double."""
    return bound if bound is None or abs(bound) < 2**53 else Decimal(float(bound))


def _no_zero(asked: Numbers) -> bool:
    """Return whether an exclusive bound at 0 forbids 0 itself."""
    low, high = _decimal_bounds(asked)
    return bool((asked.above == 0 and low == 0) or (asked.below == 0 and high == 0))


def _numbers(texts: Texts, asked: Numbers) -> Expression:
    low, high = _decimal_bounds(asked)
    if low is None and high is None:
        return texts.everything()
    no_zero = _no_zero(asked)
    ways = [texts.plain(_exactly(low), _exactly(high), no_zero=no_zero)]
    if high is None or high > 0:
        ways.append(texts.scientific(max(low or Decimal(0), Decimal(0)), high))
    if low is None or low < 0:
        ways.append(texts.pool.cat(texts.minus, texts.scientific(max(-(high or Decimal(0)), Decimal(0)), None if low is None else -low)))
    return texts.pool.either(*ways)
