"""Texts of numbers between bounds as regular languages: integers, decimals and scientific notation. `numbers` combines them."""

from __future__ import annotations

import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from echorator.prompting.schema.expressions import Expression, Expressions

INTEGER_DIGITS = 40  # digits of an integer, or before the point, where no bound asks for more
FRACTION_DIGITS = 30  # digits behind the point
MULTIPLE_DIGITS = 18  # digits of an unbounded multiple
LONGEST_BOUND = 100  # digits of the largest bound of an integer
LARGEST = sys.float_info.max
SMALLEST = 5e-324  # the smallest double above 0


class Texts:
    """A maker of expressions for decimal texts, in one pool."""

    def __init__(self, pool: Expressions) -> None:
        self.pool = pool
        self.digit = pool.chars(((0x30, 0x39),))
        self.point = pool.text(".")
        self.minus = pool.text("-")
        self.fraction_digits = FRACTION_DIGITS

    def digits(self, least: int, most: int | None) -> Expression:
        """Return the language of `least` to `most` digits; `most` None: any number."""
        return self.pool.repeat(self.digit, least, most)

    def between(self, low: str, high: str) -> Expression:
        """Return the language of one digit between two digits."""
        return self.pool.chars(((ord(low), ord(high)),)) if low <= high else self.pool.nothing

    def zeros_after_point(self) -> Expression:
        """Return the language of an optional point with zeros behind it."""
        return self.pool.repeat(self.pool.cat(self.point, self.pool.repeat(self.between("0", "0"), 1, FRACTION_DIGITS)), 0, 1)

    # Integers

    def integers(self, low: int | None, high: int | None, digits: int | None) -> Expression:
        """Return whole numbers low..high, `digits` long at most where a bound is None; `digits` None: of any length."""
        parts = []
        if high is None or high >= 0:
            parts.append(self.naturals(max(low or 0, 0), high, digits))
        if low is None or low < 0:
            negative = self.naturals(max(1, -(high if high is not None else -1)), None if low is None else -low, digits)
            parts.append(self.pool.cat(self.minus, negative))
        return self.pool.either(*parts)

    def naturals(self, low: int, high: int | None, digits: int | None = INTEGER_DIGITS) -> Expression:
        """Return whole numbers low..high without leading zeros."""
        pool = self.pool
        if high is not None and high < low:
            return pool.nothing
        if high is None:
            if digits is None:
                more: int | None = None
            else:
                more = max(digits, len(str(low)) + 1) - 1
            if low == 0:
                return pool.either(pool.text("0"), pool.cat(self.between("1", "9"), self.digits(0, more)))
            width = len(str(low))
            if low == 10 ** (width - 1):
                return pool.cat(self.between("1", "9"), self.digits(width - 1, more))
            longer = pool.cat(self.between("1", "9"), self.digits(width, more))
            return pool.either(self.same_width(str(low), "9" * width), longer)
        parts = []
        width_low, width_high = len(str(low)), len(str(high))
        for width in {width_low, width_high}:
            first = str(low) if width == width_low else "1" + "0" * (width - 1)
            last = str(high) if width == width_high else "9" * width
            parts.append(self.same_width(first, last))
        if width_high - width_low > 1:
            parts.append(pool.cat(self.between("1", "9"), self.digits(width_low, width_high - 2)))
        return pool.either(*parts)

    def same_width(self, low: str, high: str) -> Expression:
        """Return the numbers low..high, both of which have the same number of digits."""
        pool = self.pool
        shared = 0
        while shared < len(low) and low[shared] == high[shared]:
            shared += 1
        head, low, high = pool.text(low[:shared]), low[shared:], high[shared:]
        if not low:
            return head
        rest = len(low) - 1
        if low == "0" * len(low) and high == "9" * len(high):
            return pool.cat(head, self.digits(rest + 1, rest + 1))
        # The first and the last digit join the middle where every rest is allowed behind them.
        whole_low, whole_high = low[1:] == "0" * rest, high[1:] == "9" * rest
        first = low[0] if whole_low else chr(ord(low[0]) + 1)
        last = high[0] if whole_high else chr(ord(high[0]) - 1)
        parts = [pool.cat(self.between(first, last), self.digits(rest, rest))]
        if not whole_low:
            parts.append(pool.cat(pool.text(low[0]), self.same_width(low[1:], "9" * rest)))
        if not whole_high:
            parts.append(pool.cat(pool.text(high[0]), self.same_width("0" * rest, high[1:])))
        return pool.cat(head, pool.either(*parts))

    def rounded(self, low: int | None, high: int | None, step: int, places: int) -> Expression:
        """Return the multiples of a step that divides 10**places: any digits, then one of the endings."""
        parts = []
        if high is None or high >= 0:
            parts.append(self._rounded(max(low or 0, 0), high, step, places))
        if low is None or low < 0:
            least = max(1, -high if high is not None else 1)
            parts.append(self.pool.cat(self.minus, self._rounded(least, None if low is None else -low, step, places)))
        return self.pool.either(*parts)

    def _rounded(self, low: int, high: int | None, step: int, places: int) -> Expression:
        pool = self.pool
        block = 10**places
        first = max(-(-low // block), 1)  # first block of 10**places that is wholly in the range, block 0 apart
        last = None if high is None else (high + 1) // block - 1
        edges = range(-(-low // step) * step, min(first * block, first * block if high is None else high + 1), step)
        parts = [pool.text(str(n)) for n in edges]
        if last is None or last >= first:
            endings = pool.either(*(pool.text(f"{n:0{places}}" if places else "") for n in range(0, block, step)))
            parts.append(pool.cat(self.naturals(first, last, MULTIPLE_DIGITS), endings))
        if last is not None:
            start = max(-(-max(last + 1, first) * block // step) * step, -(-low // step) * step, len(edges) and edges[-1] + step)
            parts.extend(pool.text(str(n)) for n in range(start, high + 1 if high is not None else 0, step))
        return pool.either(*parts)

    # Decimals

    def plain(
        self, low: Decimal | None, high: Decimal | None, no_zero: bool = False, whole_digits: int | None = INTEGER_DIGITS
    ) -> Expression:
        """Return texts without an exponent, low <= value <= high; with `no_zero`, texts of 0 are left out."""
        parts = []
        if high is None or high >= 0:
            parts.append(self.unsigned(max(low or Decimal(0), Decimal(0)), high, no_zero and not (low or 0) > 0, whole_digits))
        if low is None or low < 0:
            least = max(-high, Decimal(0)) if high is not None else Decimal(0)
            # -0 is a text of 0, which only an exclusive bound at 0 forbids.
            parts.append(
                self.pool.cat(self.minus, self.unsigned(least, None if low is None else -low, no_zero and least == 0, whole_digits))
            )
        return self.pool.either(*parts)

    def unsigned(self, low: Decimal, high: Decimal | None, no_zero: bool, whole_digits: int | None) -> Expression:
        """Return the texts of numbers low..high, neither of which is below 0; see `plain`."""
        pool = self.pool
        if whole_digits is not None and high is not None and high.adjusted() >= whole_digits:
            high = None
        if low.adjusted() >= (whole_digits or LONGEST_BOUND):
            return pool.nothing  # such numbers are only written with an exponent
        low = self._shortened(low, ROUND_CEILING)
        high = None if high is None else self._shortened(high, ROUND_FLOOR)
        if high is not None and high < low:
            return pool.nothing
        whole_low, tail_low = _split(low)
        if high is None:
            if whole_low == 0 and not tail_low and not no_zero:
                return pool.cat(self.naturals(0, None, whole_digits), self.fraction("", None, False))
            longer = self.naturals(whole_low + 1, None, whole_digits)
            return pool.either(self._at(whole_low, tail_low, None, no_zero), pool.cat(longer, self.fraction("", None, False)))
        whole_high, tail_high = _split(high)
        if whole_low == whole_high:
            return self._at(whole_low, tail_low, tail_high, no_zero)
        first, last = self._at(whole_low, tail_low, None, no_zero), self._at(whole_high, "", tail_high, False)
        return pool.either(first, pool.cat(self.naturals(whole_low + 1, whole_high - 1), self.fraction("", None, False)), last)

    def _shortened(self, bound: Decimal, rounding: str) -> Decimal:
        """Round a bound inwards to as many digits behind the point as are written."""
        exponent = bound.as_tuple().exponent
        if not isinstance(exponent, int) or exponent >= -self.fraction_digits:
            return bound
        with localcontext(prec=400):
            return bound.quantize(Decimal(1).scaleb(-self.fraction_digits), rounding)

    def _at(self, whole: int, low: str, high: str | None, no_zero: bool) -> Expression:
        return self.pool.cat(self.pool.text(str(whole)), self.fraction(low, high, no_zero and whole == 0))

    def fraction(self, low: str, high: str | None, no_zero: bool) -> Expression:
        """Return a point and digits, or nothing: .low <= value <= .high. Both bounds end with no 0; `high` None: below 1."""
        pool = self.pool
        digits = pool.cat(self.point, self._tail(low, high, no_zero, 0))
        return digits if low or no_zero else pool.either(pool.empty, digits)

    def _tail(self, low: str, high: str | None, no_zero: bool, read: int) -> Expression:
        """Return the digits behind `read` others; the text may end where the rest of `low` is 0, but not before its first digit."""
        pool = self.pool
        least, most = 1 if read == 0 else 0, self.fraction_digits - read
        if most == 0:
            return pool.nothing if low or no_zero else pool.empty
        if high is None and not low:
            return self._anything_but_zero(most) if no_zero else self.digits(least, most)
        if high == "" and not low:
            return pool.nothing if no_zero else pool.repeat(self.between("0", "0"), least, most)
        if high is not None and low > high:
            return pool.nothing
        bottom, top = low[:1] or "0", "9" if high is None else high[:1] or "0"
        after_top = None if high is None else high[1:]
        same = bottom == top
        parts = [pool.cat(pool.text(bottom), self._tail(low[1:], after_top if same else None, no_zero and bottom == "0", read + 1))]
        if not same:
            last = "9" if high is None else chr(ord(top) - 1)
            parts.append(pool.cat(self.between(chr(ord(bottom) + 1), last), self.digits(0, most - 1)))
            if high is not None:
                parts.append(pool.cat(pool.text(top), self._tail("", after_top, False, read + 1)))
        if read and not low and not no_zero:
            parts.append(pool.empty)
        return pool.either(*parts)

    def _anything_but_zero(self, most: int) -> Expression:
        pool = self.pool
        if most > 12:  # a few digits more do no harm, and keep the grammar short
            return pool.cat(pool.repeat(self.between("0", "0"), 0, most - 1), self.between("1", "9"), self.digits(0, most - 1))
        return pool.either(
            *(pool.cat(pool.text("0" * n), self.between("1", "9"), self.digits(0, most - n - 1)) for n in range(most)),
        )

    # Scientific notation

    def everything(self) -> Expression:
        """Return the texts of any number that a double holds."""
        pool = self.pool
        whole = self.integers(None, None, INTEGER_DIGITS)
        signed = pool.either(whole, pool.text("-0"))
        sign = pool.repeat(pool.chars(((0x2B, 0x2B), (0x2D, 0x2D))), 0, 1)
        exponent = pool.cat(pool.chars(((0x45, 0x45), (0x65, 0x65))), sign, self.digits(1, 2))
        plain = pool.cat(signed, self.fraction("", None, False), pool.repeat(exponent, 0, 1))
        largest = Decimal(repr(LARGEST))
        top = largest.adjusted()
        far = pool.either(
            pool.cat(self._mantissa(Decimal(1), None), pool.either(self._exponent(-324, -100), self._exponent(100, top - 1))),
            pool.cat(self._mantissa(Decimal(1), largest.scaleb(-top)), self._exponent(top, top)),
        )
        return pool.either(plain, pool.cat(pool.repeat(self.minus, 0, 1), far))

    def scientific(self, low: Decimal, high: Decimal | None) -> Expression:
        """Return positive texts such as 1.5e-07 with one digit before the point, low <= value <= high."""
        low = max(low, Decimal(repr(SMALLEST)))
        high = min(high, Decimal(repr(LARGEST))) if high is not None else Decimal(repr(LARGEST))
        if high < low:
            return self.pool.nothing
        return self._scaled(low, high)

    def _scaled(self, low: Decimal, high: Decimal) -> Expression:
        pool = self.pool
        first, last = low.adjusted(), high.adjusted()
        mantissa_low, mantissa_high = low.scaleb(-first), high.scaleb(-last)
        if first == last:
            return pool.cat(self._mantissa(mantissa_low, mantissa_high), self._exponent(first, last))
        return pool.either(
            pool.cat(self._mantissa(mantissa_low, None), self._exponent(first, first)),
            pool.cat(self._mantissa(Decimal(1), None), self._exponent(first + 1, last - 1)),
            pool.cat(self._mantissa(Decimal(1), mantissa_high), self._exponent(last, last)),
        )

    def _mantissa(self, low: Decimal, high: Decimal | None) -> Expression:
        if high is not None:
            return self.unsigned(low, high, False, 2)
        whole, tail = _split(low)
        if not tail:
            return self.pool.cat(self.between(str(whole), "9"), self.fraction("", None, False))
        return self.pool.either(
            self._at(whole, tail, None, False),
            self.pool.cat(self.between(chr(ord("1") + whole), "9"), self.fraction("", None, False)),
        )

    def _exponent(self, first: int, last: int) -> Expression:
        """Return exponents first..last, each with or without a leading zero, as in e-07."""
        pool = self.pool
        if last < first:
            return pool.nothing
        zero = pool.repeat(self.between("0", "0"), 0, 1)
        parts = []
        if last >= 0:
            parts.append(pool.cat(pool.repeat(pool.text("+"), 0, 1), zero, self.naturals(max(first, 0), last)))
        if first < 0:
            parts.append(pool.cat(self.minus, zero, self.naturals(max(1, -last), -first)))
        return pool.cat(pool.chars(((0x45, 0x45), (0x65, 0x65))), pool.either(*parts))


def _split(value: Decimal) -> tuple[int, str]:
    """Return the whole part, and the digits behind the point without trailing zeros."""
    text = format(value, "f")
    whole, _, tail = text.partition(".")
    return int(whole), tail.rstrip("0")
