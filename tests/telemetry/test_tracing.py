"""W3C trace context: what is one, what is none, and what goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.telemetry import tracing

TRACE, SPAN = "0123456789abcdef0123456789abcdef", "0123456789abcdef"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-00", (TRACE, SPAN, False)),
        (f"01-{TRACE}-{SPAN}-03", (TRACE, SPAN, True)),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        ("", None),
    ],
)
def test_parse(header: str, found: tuple[str, str, bool] | None) -> None:
    assert tracing.parse(header) == found


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_any_header_gives_a_trace_that_can_go_on(header: str) -> None:
    trace = tracing.begin("x", header)
    again = tracing.parse(trace.header)
    assert again == (trace.trace_id, trace.span_id, trace.sampled)
    known = tracing.parse(header)
    if known is not None:
        assert (trace.trace_id, trace.sampled) == (known[0], known[2])
        assert trace.span_id != known[1], "the call is a span of its own"
    assert tracing.current_id() == trace.trace_id


def test_calls_have_different_traces() -> None:
    assert len({tracing.begin("x", "").trace_id for _ in range(1000)}) == 1000
