"""Decides who shares cached prefixes with whom, where a request names no tenant of a memory.

All callers share them by default, which is what a prefix cache is for on one's own machine. Sharing lets each caller learn, from
`usage.cached_tokens` and from the time to first token, whether another caller has sent a prompt with the same beginning. A setting
separates callers by what a server knows of them without identities.
"""

from __future__ import annotations

from echorator.errors import InvalidRequestError

SHARED = "shared"
SCOPES = (SHARED, "address", "connection", "session")


def check_scope(setting: str) -> None:
    """Check a setting. Raises InvalidRequestError where it is not one of SCOPES."""
    if setting not in SCOPES:
        raise InvalidRequestError(f"prefix_scope must be one of {', '.join(SCOPES)}, not {setting[:40]!r}")


def scope_of(setting: str, caller: tuple[str, str], session: str) -> str:
    """Return the name of the group of callers that share prefixes with this caller; "" where all callers do.

    Args:
        setting: one of SCOPES.
        caller: the caller's address, and its connection.
        session: the session that the caller names. With "session", requests that name none share prefixes within their connection.
    """
    address, connection = caller
    if setting == SHARED:
        return ""
    if setting == "address":
        return f"address {address}"
    if setting == "session" and session:
        return f"session {session}"
    return f"connection {connection}"
