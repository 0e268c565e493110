"""What can be observed from outside: Prometheus metrics, OpenTelemetry traces and structured logs. Never the text of a prompt.

Metrics are prometheus-client objects in its default registry, one module per role; `exposition` serves them. `tracing` carries the W3C
trace context from call to call, `log_lines` writes records with their trace id.
"""
