"""The times that a text names, as intervals: "yesterday", "last week", "two years ago", "on 5 March", "since May 2023". Pure.

Days begin at midnight UTC and weeks on Monday; only English is read. `text` gives a memory the words of the dates that it names relative to
when it was said, so that a question with the date finds it; `searching` prefers what was said in the interval that a question names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_LONGEST_READ = 4000  # characters of a text
_MOST = 8  # times of one text
_AGES_S = 4e10  # longer than any time that is told: 1,200 years

_MONTHS = "january february march april may june july august september october november december".split()
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # their first months
_NEAR = {"the day before yesterday": -2, "yesterday": -1, "last night": -1, "tomorrow": 1}  # days from today; others are today
_NUMBERS = {word: n for n, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)}
_NUMBERS |= {"a": 1, "an": 1, "couple": 2, "a couple of": 2, "few": 3, "a few": 3}

_BOUND = r"\b(?:(?P<bound>since|after|before|until|till|by)\s+(?:the\s+)?)?"
_NUMBER = rf"(?P<n>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_MONTH = r"(?P<month>" + "|".join(f"{m[:3]}(?:{m[3:]})?" if len(m) > 3 else m for m in _MONTHS) + r"|sept)\.?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{_BOUND}{pattern}\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time in seconds since 1970, without its end."""

    from_s: float
    to_s: float

    @property
    def days(self) -> float:
        """Return its length in days."""
        return (self.to_s - self.from_s) / 86_400.0

    @property
    def middle_s(self) -> float:
        """Return the time in the middle of the interval, in seconds since 1970."""
        return (self.from_s + self.to_s) / 2


def relative_times(text: str, said_s: float) -> list[Interval]:
    """Return the times that a text names relative to when it was said, such as "yesterday" or "two weeks ago", in their order."""
    return [time for time, _ in _found(_RELATIVE, text, said_s)][:_MOST]


def interval_asked(query: str, now_s: float) -> Interval | None:
    """Return the shortest interval that has all the times which a query names; None where it names none. A month alone is the last one."""
    times = [_bounded(time, bound) for time, bound in _found((*_RELATIVE, *_ABSOLUTE), query, now_s)]
    return Interval(min(t.from_s for t in times), max(t.to_s for t in times)) if times else None


def _found(forms: tuple[tuple[re.Pattern[str], _Reader], ...], text: str, at_s: float) -> Iterator[tuple[Interval, str]]:
    text = text[:_LONGEST_READ]
    if not _HINT.search(text):
        return
    try:
        today = datetime.fromtimestamp(at_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    except (ValueError, OverflowError, OSError):
        return
    taken: list[tuple[int, int]] = []
    for form, read in forms:
        for match in form.finditer(text):
            if any(begin < match.end() and match.start() < end for begin, end in taken):
                continue  # a part of a longer form: "March 2023" of "5 March 2023"
            try:
                time = read({name: (value or "").lower() for name, value in match.groupdict().items()}, today)
            except (ValueError, OverflowError):  # 30 February, or a year before the first
                continue
            taken.append(match.span())
            yield time, (match["bound"] or "").lower()


def _bounded(time: Interval, bound: str) -> Interval:
    if bound in ("since", "after"):
        return Interval(time.from_s if bound == "since" else time.to_s, time.to_s + _AGES_S)
    return Interval(time.from_s - _AGES_S, time.to_s if bound == "by" else time.from_s) if bound else time


_Reader = Callable[[dict[str, str], datetime], Interval]


def _days(begin: datetime, days: int = 1) -> Interval:
    return Interval(begin.timestamp(), (begin + timedelta(days=days)).timestamp())


def _months(begin: datetime, shift: int, count: int = 1) -> Interval:
    """Return `count` months from the one that is `shift` months after `begin`."""

    def first(months: int) -> datetime:
        year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
        return datetime(year, month + 1, 1, tzinfo=UTC)

    return Interval(first(shift).timestamp(), first(shift + count).timestamp())


def _near(said: dict[str, str], today: datetime) -> Interval:
    return _days(today + timedelta(days=_NEAR.get(said["near"], 0)))


def _ago(said: dict[str, str], today: datetime) -> Interval:
    n = int(said["n"]) if said["n"].isdigit() else _NUMBERS[said["n"]]
    if said["unit"] == "day":
        return _days(today - timedelta(days=n))
    if said["unit"] == "week":
        return _days(today - timedelta(days=7 * n + 3), 7)
    return _months(today, -n) if said["unit"] == "month" else _months(today.replace(month=1), -12 * n, 12)


def _which(said: dict[str, str], today: datetime) -> Interval:
    step = {"last": -1, "past": -1, "next": 1}.get(said["which"], 0)
    monday = today - timedelta(days=today.weekday())
    if said["weekday"]:
        ahead = (_WEEKDAYS.index(said["weekday"]) - today.weekday()) % 7
        return _days(today + timedelta(days=(ahead or 7) - 7 if step < 0 and ahead else -7 if step < 0 else ahead or 7))
    if said["season"]:
        begin = today.replace(month=_SEASONS[said["season"]], day=1)
        if step < 0 and _months(begin, 0, 3).to_s > today.timestamp():
            begin = begin.replace(year=begin.year - 1)
        return _months(begin, 12 if step > 0 and begin <= today else 0, 3)
    if said["span"] == "week":
        return _days(monday + timedelta(days=7 * step), 7)
    if said["span"] == "weekend":
        return _days(monday + timedelta(days=5 + 7 * step), 2)
    return _months(today, step) if said["span"] == "month" else _months(today.replace(month=1), 12 * step, 12)


def _date(said: dict[str, str], today: datetime) -> Interval:
    """Return a day, a month or a year; without a year it is the last one that has begun."""
    if not said.get("month"):
        return _months(datetime(int(said["year"]), 1, 1, tzinfo=UTC), 0, 12)
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(said["month"][:3]))
    begin = datetime(int(said.get("year") or today.year), month, int(said.get("day") or 1), tzinfo=UTC)
    if not said.get("year") and begin > today:
        begin = begin.replace(year=begin.year - 1)
    return _days(begin) if said.get("day") else _months(begin, 0)


def _iso(said: dict[str, str], _today: datetime) -> Interval:
    return _days(datetime(int(said["year"]), int(said["month"]), int(said["day"]), tzinfo=UTC))


_RELATIVE: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_form(rf"(?P<near>{'|'.join(_NEAR)}|today|tonight|this (?:morning|afternoon|evening))"), _near),
    (_form(rf"{_NUMBER}\s+(?P<unit>day|week|month|year)s?\s+ago"), _ago),
    (
        _form(
            rf"(?P<which>last|past|this|next)\s+(?:(?P<span>weekend|week|month|year)|(?P<season>{'|'.join(_SEASONS)})|"
            rf"(?P<weekday>{'|'.join(_WEEKDAYS)}))"
        ),
        _which,
    ),
)
_ABSOLUTE: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_form(rf"{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)"), _iso),
    (_form(rf"{_MONTH}\s+{_DAY}(?!\d)(?:,?\s+{_YEAR})?"), _date),
    (_form(rf"{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?"), _date),
    (_form(rf"{_MONTH},?\s+{_YEAR}"), _date),
    (_form(rf"in\s+{_MONTH}"), _date),
    (re.compile(rf"\b(?P<bound>since|after|before|until|till|by)\s+{_MONTH}(?=\W|$)", re.IGNORECASE), _date),
    (_form(rf"in\s+{_YEAR}"), _date),
)
# What every form has; most texts have none of it, and are read no further.
_HINT = re.compile(
    rf"yester|tomorrow|to(?:day|night)|ago|last|past|this|next|(?:19|20)\d\d|{'|'.join(m[:3] for m in _MONTHS)}", re.IGNORECASE
)
