"""What can be seen from outside: Prometheus metrics, OpenTelemetry traces, structured logs. Never a prompt's text.

Metrics are prometheus-client objects in its default registry, one module a role; `exposition` serves them. `tracing` carries the W3C
trace context from call to call, `log_lines` writes records with their trace id.
"""
