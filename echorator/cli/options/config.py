"""The arguments of `echorator config` and `echorator completion`; imports nothing heavy."""

from __future__ import annotations

import argparse

from echorator.cli.options.output import RESULTS, add_output

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
    add_output(parser, RESULTS, text="format of the list")


COMPLETION_EXAMPLES = """\
examples:
  source <(echorator completion bash)       for this shell; in ~/.bashrc for all
  echorator completion zsh > "${fpath[1]}/_echorator"
  echorator completion fish > ~/.config/fish/completions/echorator.fish
"""


def add_completion_options(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the shell whose script is printed."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="shell whose script is printed")


def pulled_models(**_: object) -> list[str]:
    """Return the sources of the models that are pulled, for the shell that completes a model's name."""
    from echorator.host.model_store import stores_of

    own, others = stores_of(None)
    return [stored.source for store in (own, *others) for stored in store.all()]
