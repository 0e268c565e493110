"""`kollama`, also `kubectl echorator`: manages the models of a Kubernetes cluster from a command line.

Commands are imported when they run, so that `--help` needs neither a cluster nor its client library.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from echorator.cli.options.kollama import parser, program
from echorator.errors import EchoratorError
from echorator.host.exits import CommandError, Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # gRPC reads its variables when it is imported
    top = parser()
    arguments, words = top.parse_known_args(argv)
    if words:
        _take(arguments, words, top)
    if arguments.version:
        print(f"{program()} {_version()}")
        return Exit.OK
    if arguments.command is None:
        top.print_help(sys.stderr)
        return Exit.USAGE
    for name in ("namespace", "kubeconfig", "context"):
        if not hasattr(arguments, name):
            setattr(arguments, name, None)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # drop what the interpreter would still flush into the closed pipe
        return Exit.PIPE_CLOSED
    return code


def _take(arguments: argparse.Namespace, words: list[str], top: argparse.ArgumentParser) -> None:
    """Append words after an option, which argparse leaves over, to the argument that takes any number of words; else fail."""
    more = getattr(arguments, "more", None)
    if more is None or any(word.startswith("-") for word in words):
        top.error(f"unrecognized arguments: {' '.join(words)}")
    setattr(arguments, more, [*getattr(arguments, more), *words])


def _run(arguments: argparse.Namespace) -> int:
    try:
        command = importlib.import_module(f"echorator.cli.kollama.{arguments.module}")
        return int(command.run(arguments))
    except CommandError as error:
        return max(_fail(line, error.code) for line in str(error).split("\n"))
    except EchoratorError as error:
        from echorator.cli.kollama.failure import of_error

        failure = of_error(error)
        return _fail(str(failure), failure.code)
    except ImportError as error:
        return _fail(str(error), Exit.FAILURE)


def _fail(message: str, code: int) -> int:
    print(f"{program()}: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _version() -> str:
    try:
        return version("echorator")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
