"""`kubectl_complete-echorator`: prints the choices with which kubectl completes `kubectl echorator`.

kubectl runs it with the words so far, of which the last is to be completed, and reads one line for each choice, then ":" with a
directive. Source: kubectl's "Shell completion for kubectl plugins", and the directives of github.com/spf13/cobra.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Sequence

from echorator.cli.kollama import program as kollama
from echorator.cli.kollama.completion import CLUSTER, FILES, commands_of, options_of, positionals_of
from echorator.cli.options.kollama import parser
from echorator.cli.program import ended_quietly

ANY_FILE, NO_FILE = 0, 4  # directives of cobra


def main() -> int:
    """Print the choices and return the exit code."""
    return ended_quietly(_main)


def _main() -> int:
    *before, current = sys.argv[1:] or [""]
    choices = choices_of(before, current)
    if choices is None:
        print(f":{ANY_FILE}")
        return 0
    for choice, text in choices:
        if choice.startswith(current):
            print(f"{choice}\t{text}" if text else choice)
    print(f":{NO_FILE}")
    return 0


def choices_of(before: Sequence[str], current: str) -> Iterable[tuple[str, str]] | None:
    """Return the choices for the next word, each with its help text; None for file names."""
    top = parser()
    commands, texts = commands_of(top)
    cluster = [word for at, word in enumerate(before) if word in CLUSTER or (at and before[at - 1] in CLUSTER)]
    named = [word for at, word in enumerate(before) if not word.startswith("-") and not (at and before[at - 1] in CLUSTER)]
    made = commands.get(named[0], top) if named else top
    for option in options_of(made):
        if before and before[-1] in option.option_strings and option.nargs is None:  # the word is the value of this option
            if option.choices:
                return [(str(choice), "") for choice in option.choices]
            return None if before[-1] in FILES else []
    if current.startswith("-"):
        return [(flag, option.help or "") for option in options_of(made) for flag in option.option_strings]
    if made is top:
        return [(name, texts.get(name, "")) for name in commands]
    words = positionals_of(made)
    if words == "files":
        return None
    return [(name, "") for name in (_models(cluster) if words == "models" else words.split())]


def _models(cluster: Sequence[str]) -> list[str]:
    """Return the names of the cluster's Models; [] if the cluster does not answer."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        kollama.main(["list", "-o", "name", *cluster])
    return [line.removeprefix("model/") for line in out.getvalue().splitlines()]
