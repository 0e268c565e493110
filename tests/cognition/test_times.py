"""The times that texts name, relative to a Wednesday."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.times import interval_asked, relative_times

NOW = datetime(2023, 5, 17, 15, 30, tzinfo=UTC)  # a Wednesday
NOW_S = NOW.timestamp()


def day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("I saw her yesterday.", "2023-05-16", "2023-05-17"),
        ("Last night we danced.", "2023-05-16", "2023-05-17"),
        ("the day before yesterday", "2023-05-15", "2023-05-16"),
        ("I'll go tomorrow", "2023-05-18", "2023-05-19"),
        ("This morning I ran", "2023-05-17", "2023-05-18"),
        ("three days ago", "2023-05-14", "2023-05-15"),
        ("We met two weeks ago", "2023-04-30", "2023-05-07"),
        ("a couple of months ago", "2023-03-01", "2023-04-01"),
        ("5 years ago", "2018-01-01", "2019-01-01"),
        ("last week", "2023-05-08", "2023-05-15"),
        ("last weekend was great", "2023-05-13", "2023-05-15"),
        ("next month", "2023-06-01", "2023-07-01"),
        ("last year", "2022-01-01", "2023-01-01"),
        ("last summer", "2022-06-01", "2022-09-01"),
        ("this summer", "2023-06-01", "2023-09-01"),
        ("last winter", "2022-12-01", "2023-03-01"),
        ("last Friday", "2023-05-12", "2023-05-13"),
        ("last Wednesday", "2023-05-10", "2023-05-11"),
        ("next Wednesday", "2023-05-24", "2023-05-25"),
        ("this Saturday", "2023-05-20", "2023-05-21"),
    ],
)
def test_relative_times(text: str, begin: str, end: str) -> None:
    (time,) = relative_times(text, NOW_S)
    assert (time.from_s, time.to_s) == (day(begin), day(end))
    assert interval_asked(text, NOW_S) == time


@pytest.mark.parametrize(
    ("query", "begin", "end"),
    [
        ("What did I buy on 5 March?", "2023-03-05", "2023-03-06"),
        ("What did I buy on March 5th, 2022?", "2022-03-05", "2022-03-06"),
        ("Where was I on the 3rd of November", "2022-11-03", "2022-11-04"),
        ("What happened on 2023-01-09?", "2023-01-09", "2023-01-10"),
        ("Who visited in December 2022?", "2022-12-01", "2023-01-01"),
        ("What did we plan in March?", "2023-03-01", "2023-04-01"),
        ("What did we plan in June?", "2022-06-01", "2022-07-01"),
        ("Where did I live in 2019?", "2019-01-01", "2020-01-01"),
        ("between 3 March and 5 March", "2023-03-03", "2023-03-06"),
    ],
)
def test_dates_of_questions(query: str, begin: str, end: str) -> None:
    time = interval_asked(query, NOW_S)
    assert time is not None
    assert (time.from_s, time.to_s) == (day(begin), day(end))
    assert relative_times(query, NOW_S) == []


@pytest.mark.parametrize(
    ("query", "inside", "outside"),
    [
        ("What did I do since last week?", "2023-05-16", "2023-05-07"),
        ("What did I do after 5 March 2023?", "2023-03-06", "2023-03-05"),
        ("What did I do before May 2023?", "2023-04-30", "2023-05-01"),
        ("What had I read by 5 March 2023?", "2023-03-05", "2023-03-06"),
        ("What changed since March?", "2023-04-01", "2023-02-27"),
    ],
)
def test_open_intervals(query: str, inside: str, outside: str) -> None:
    time = interval_asked(query, NOW_S)
    assert time is not None
    assert time.from_s <= day(inside) < time.to_s
    assert not time.from_s <= day(outside) < time.to_s


@pytest.mark.parametrize("text", ["I may go.", "We march on.", "at last", "this is it", "Is it far?", "room 2023b", ""])
def test_what_is_no_time(text: str) -> None:
    assert interval_asked(text, NOW_S) is None
    assert relative_times(text, NOW_S) == []


@given(st.text(max_size=80), st.floats(-1e12, 1e12))
def test_any_text_at_any_time_is_read(text: str, now_s: float) -> None:
    for time in relative_times(f"yesterday {text} two years ago", now_s):
        assert time.from_s < time.to_s
    interval_asked(text, now_s)
