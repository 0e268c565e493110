"""`kollama`, also `kubectl echorator`: manages the models of a Kubernetes cluster from a command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from echorator.cli.options.kollama import parser
from echorator.cli.program import Program
from echorator.errors import EchoratorError
from echorator.host.exits import CommandError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    return Program(parser(), "echorator.cli.kollama.{}".format, _prepare, _failure_of).main(argv)


def _prepare(arguments: argparse.Namespace) -> None:
    for name in ("namespace", "kubeconfig", "context"):
        if not hasattr(arguments, name):
            setattr(arguments, name, None)


def _failure_of(error: EchoratorError) -> CommandError:
    from echorator.cli.kollama.failure import of_error  # imported here, so that --help needs no client library of a cluster

    return of_error(error)


if __name__ == "__main__":
    sys.exit(main())
