"""An agent that really ends of certain requests: `python -m tests.gateway.poisoned_agent serve ...` is `echorator serve ...` with that.

A prompt or a message with KILLS ends the process before the first token, as an overflown stack does; one with KILLS_LATER ends it a
while after its first token.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from echorator.agent import requests
from echorator.cli.main import main

KILLS = "an input that overflows a stack"
KILLS_LATER = "an input whose answer overflows a stack"
LATER_S = 0.3


def poison(read: Any) -> Any:
    """`read`, which a service calls with each request, ends the process of some of them."""

    def reads(request: Any, *arguments: Any) -> Any:
        said = str(request)
        if KILLS in said:
            os.abort()
        if KILLS_LATER in said:
            asyncio.get_running_loop().call_later(LATER_S, os.abort)
        return read(request, *arguments)

    return reads


if __name__ == "__main__":
    for name in ("messages_of", "prompt_of"):  # the service looks them up in their module
        setattr(requests, name, poison(getattr(requests, name)))
    sys.exit(main())
