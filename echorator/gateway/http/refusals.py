"""Logs and counts the requests that are refused before they have a call's life: by the connection, or at the door.

Fed by `protocol` and `door`. The requests that reach a handler are logged where their life ends, see `serving.life`.
"""

from __future__ import annotations

from http import HTTPStatus

from echorator.serving import call_log
from echorator.serving.called import NO_ROUTE, HttpRoute

_VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_OTHER = "OTHER"  # label of verbs that clients make up
_NOWHERE = {verb: HttpRoute("not_served", verb, NO_ROUTE) for verb in (*_VERBS, _OTHER)}


def nowhere(verb: str) -> HttpRoute:
    """Return the route of requests that reach none, by their verb."""
    return _NOWHERE.get(verb, _NOWHERE[_OTHER])


def refused(verb: str, status: int, request_id: str) -> None:
    """Write the log line of a refused request, and count it. `request_id` is what the answer names."""
    route = nowhere(verb)
    code = "PERMISSION_DENIED" if status == HTTPStatus.FORBIDDEN else "UNAVAILABLE" if status >= 500 else "INVALID_ARGUMENT"
    route.count(code, status, 0.0)
    reason = HTTPStatus(status).phrase.upper().replace(" ", "_")
    if level := call_log.level(code):
        call_log.write(
            level, code, {**route.named, "status": status, "code": code, "reason": reason, "seconds": 0.0, "trace_id": request_id}
        )
