"""`echorator completion`: prints the script by which a shell completes commands, options and names."""

from __future__ import annotations

import argparse

import argcomplete

from echorator.host.exits import Exit


def run(arguments: argparse.Namespace) -> int:
    """Print the script for the shell and return the exit code."""
    print(argcomplete.shellcode(["echorator"], shell=arguments.shell))
    return Exit.OK
