"""Metrics of the gateway. Times are seconds, sizes bytes."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
NO_MODEL = "(none)"  # label of calls that reached no model: those of the memory, and those that name a model that is not served

requests = Counter(
    "echorator_gateway_requests_total",
    "Calls to models and to the memory that have ended, over gRPC and HTTP, by gRPC status; a model is the one that served",
    ("service", "method", "model", "code"),
)
prompt_tokens = Counter("echorator_gateway_prompt_tokens_total", "Tokens of prompts, of answers that were sent whole", ("model",))
cached_tokens = Counter(
    "echorator_gateway_cached_prompt_tokens_total", "Tokens of these prompts that agents found in their prefix caches", ("model",)
)
completion_tokens = Counter("echorator_gateway_completion_tokens_total", "Tokens of answers that were sent whole", ("model",))
in_flight = Gauge(
    "echorator_gateway_requests_in_flight", "Calls under way, waiting ones included", ("method",), multiprocess_mode="livesum"
)
buffered = Counter("echorator_gateway_buffered_requests_total", "Requests that had to wait for an agent")
waiting = Gauge("echorator_gateway_buffer_requests", "Requests that wait for an agent now", multiprocess_mode="livesum")
waiting_bytes = Gauge("echorator_gateway_buffer_bytes", "Bytes of the requests that wait", multiprocess_mode="livesum")
wait_seconds = Histogram("echorator_gateway_buffer_wait_seconds", "Time that buffered requests waited for an agent", buckets=FAST)
shed = Counter("echorator_gateway_shed_requests_total", "Requests refused because the buffer was full")
retries = Counter("echorator_gateway_retries_total", "Attempts on another agent after one broke before its first message", ("model",))
poisoned = Counter("echorator_gateway_poisoned_requests_total", "Requests that ended two agents and are refused", ("model",))
first_message = Histogram(
    "echorator_gateway_time_to_first_token_seconds", "Time from a call's arrival to its first message", ("model",), buckets=FAST
)
between_messages = Histogram(
    "echorator_gateway_inter_token_seconds",
    "Time between two messages of a stream; one message may carry several tokens",
    ("model",),
    buckets=FAST,
)
duration = Histogram(
    "echorator_gateway_request_duration_seconds", "Time from a call's arrival to its end", ("method", "model"), buckets=FAST
)
open_breakers = Gauge(
    "echorator_gateway_circuit_breakers_open", "Agents that are left out because they failed", multiprocess_mode="livemax"
)
agents = Gauge("echorator_gateway_agents", "Agents that this gateway knows", multiprocess_mode="livemax")
connected = Gauge(
    "echorator_gateway_controller_connected", "1 while the gateway is connected to the controller, else 0", multiprocess_mode="livemin"
)
