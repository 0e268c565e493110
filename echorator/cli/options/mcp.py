"""The arguments of `echorator mcp`; imports nothing heavy, so that --help is quick."""

from __future__ import annotations

import argparse

from echorator.cli.options.telemetry import LOG_LEVELS
from echorator.ports import DEFAULT_AGENT

MCP_EXAMPLES = """\
examples:
  echorator mcp --user ann                           for a client that starts it
  echorator mcp --user ann --http 127.0.0.1:8090     for clients that connect
  echorator mcp --user ann --server 127.0.0.1:50051 --read-only --no-models
"""


def add_mcp_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator mcp`."""
    parser.add_argument(
        "--server", default="", metavar="HOST:PORT", help=f"address of the server [the `up` that runs, else {DEFAULT_AGENT}]"
    )
    parser.add_argument("--user", required=True, metavar="NAME", help="user whose memory it is")
    parser.add_argument("--agent", default="", metavar="NAME", help="agent of the memory [default]")
    parser.add_argument("--tenant", default="", metavar="NAME", help="tenant of the memory [default]")
    parser.add_argument("--session", default="", metavar="NAME", help="conversation of what tools remember, unless they name one [none]")
    parser.add_argument("--read-only", action="store_true", help="offer no tool that changes the memory")
    parser.add_argument("--no-models", action="store_true", help="offer the memory alone")
    parser.add_argument("--http", default="", metavar="HOST:PORT", help="serve streamable HTTP there [stdin and stdout]")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        dest="allowed_hosts",
        metavar="NAME",
        help="with --http: further name in Host and Origin, such as mcp.example.com; may be repeated [localhost and --http's own]",
    )
    parser.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        default="warning",
        metavar="LEVEL",
        help=f"least level of the log: {', '.join(LOG_LEVELS)} [warning]",
    )
