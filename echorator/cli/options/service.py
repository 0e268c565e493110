"""The arguments of `echorator service`; imports nothing heavy."""

from __future__ import annotations

import argparse

SERVICE_EXAMPLES = """\
examples:
  echorator service install                 `echorator up` at each login
  echorator service install -- --http-port 8081 --memory /srv/memory
  echorator service show                    the unit that would be written
  echorator service remove
  journalctl --user -u echorator -f         what it says

It writes a unit of systemd for this user alone. `loginctl enable-linger` starts it when the machine starts.
"""


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Add what is to be done, and the options that the service gives to `up`."""
    parser.add_argument("action", choices=("install", "show", "remove"), metavar="ACTION", help="install, show or remove the unit")
    parser.add_argument("options", nargs="*", default=[], metavar="OPTION", help="options of `up`, after -- [none]")
