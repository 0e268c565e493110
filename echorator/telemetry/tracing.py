"""Traces calls across client, gateway, agent and engine by the W3C trace context, and sends spans to an OpenTelemetry collector.

Without a collector a call still has a trace id, the client's or a new one; it is in every log line and every error, so that
the records of several processes about one call can be found. With `export_to` each call is a span too, sent in batches by an SDK thread.

W3C Trace Context, https://www.w3.org/TR/trace-context/: `traceparent` is version-traceid-spanid-flags, in hexadecimal.
"""

from __future__ import annotations

import random
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

TRACEPARENT = "traceparent"
_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_ZERO_TRACE, _ZERO_SPAN = "0" * 32, "0" * 16

_current: ContextVar[Trace | None] = ContextVar("echorator_trace", default=None)
_random = random.Random()  # seeded from the operating system's entropy, once
_tracer: Tracer | None = None
_provider: Any = None


@dataclass(slots=True)
class Trace:
    """The place of one call in its trace. Call `end` once. `parent_id` is the caller's span id, "" where the call has no caller's."""

    trace_id: str
    span_id: str
    sampled: bool = True
    span: Span | None = None
    parent_id: str = ""

    @property
    def header(self) -> str:
        """Return the `traceparent` of the calls that this call makes."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def end(self, error: str = "") -> None:
        """End the call's span; `error` is the name of the call's status where that is an error."""
        if self.span is not None:
            if error:
                from opentelemetry.trace import Status, StatusCode

                self.span.set_status(Status(StatusCode.ERROR, error))
            self.span.end()


def parse(traceparent: str) -> tuple[str, str, bool] | None:
    """Return (trace id, span id, sampled); None for a malformed header, as the standard wants it to be treated."""
    found = _FORM.fullmatch(traceparent)
    if found is None or traceparent.startswith("ff") or found[1] == _ZERO_TRACE or found[2] == _ZERO_SPAN:
        return None
    return found[1], found[2], bool(int(found[3], 16) & 1)


def current() -> Trace | None:
    """Return the trace of the call that runs in this task; None outside of a call."""
    return _current.get()


def current_id() -> str:
    """Return the trace id of the present call; "" outside of a call."""
    trace = _current.get()
    return trace.trace_id if trace is not None else ""


def _new_id(bits: int) -> str:
    """Return a random non-zero id; ids need not be unguessable, and this generator makes no system call."""
    return f"{_random.getrandbits(bits) or 1:0{bits // 4}x}"


def begin(name: str, traceparent: str) -> Trace:
    """Begin the trace of a call in this task; `traceparent` is what the client sent, or ""."""
    parent = parse(traceparent) if traceparent else None
    trace_id, parent_id, sampled = parent if parent is not None else (_new_id(128), "", True)
    if _tracer is None:
        trace = Trace(trace_id, _new_id(64), sampled, None, parent_id)
    else:
        trace = _with_span(_tracer, name, trace_id, parent_id, sampled)
    _current.set(trace)
    return trace


def _with_span(tracer: Tracer, name: str, trace_id: str, parent_id: str, sampled: bool) -> Trace:
    from opentelemetry import trace as api

    context = None
    if parent_id:
        flags = api.TraceFlags(api.TraceFlags.SAMPLED if sampled else api.TraceFlags.DEFAULT)
        remote = api.SpanContext(int(trace_id, 16), int(parent_id, 16), is_remote=True, trace_flags=flags)
        context = api.set_span_in_context(api.NonRecordingSpan(remote))
    span = tracer.start_span(name, context=context, kind=api.SpanKind.SERVER)
    made = span.get_span_context()
    return Trace(f"{made.trace_id:032x}", f"{made.span_id:016x}", bool(made.trace_flags & 1), span, parent_id)


def child(name: str, begin_s: float, end_s: float, **attributes: str | int | float | bool) -> None:
    """Record a part of the current call that has ended, from `begin_s` to `end_s` on the clock of time.time()."""
    trace = _current.get()
    if _tracer is None or trace is None or trace.span is None:
        return
    from opentelemetry import trace as api

    span = _tracer.start_span(name, context=api.set_span_in_context(trace.span), start_time=int(begin_s * 1e9))
    for key, value in attributes.items():
        span.set_attribute(key.replace("__", "."), value)
    span.end(int(end_s * 1e9))


def export_to(endpoint: str, service: str, instance: str) -> None:
    """Send spans to the OTLP collector at `endpoint` (http://host:4318) from now on."""
    global _tracer, _provider
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    _provider = TracerProvider(resource=Resource.create({"service.name": service, "service.instance.id": instance}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _tracer = _provider.get_tracer("echorator")


def flush() -> None:
    """Send the spans that have not been sent; call it at the end of a process."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
        _tracer = _provider = None
