"""Parses addresses in the arguments of commands."""

from __future__ import annotations

from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.serving.address import host_port


def host_port_of(address: str, option: str) -> tuple[str, int]:
    """Split HOST:PORT, the value of `option`. Raises CommandError with the code USAGE where it is not of that form."""
    try:
        return host_port(address, option)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
