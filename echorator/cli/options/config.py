"""The arguments of `echorator config`; imports nothing heavy."""

from __future__ import annotations

import argparse

CONFIG_EXAMPLES = """\
examples:
  echorator config                          what is configured, and where
  echorator config path                     where the file is looked for
  echorator config template > "$(echorator config path)"

An option --max-tokens of `chat` that is left out is taken from ECHORATOR_CHAT_MAX_TOKENS, ECHORATOR_MAX_TOKENS, max-tokens in the section
[chat] of the file, or max-tokens above all its sections, whichever is there first.
"""


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command may print."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("list", "path", "template"),
        default="list",
        help="list: what is configured; path: of the file; template: a file with every option as a comment [list]",
    )
