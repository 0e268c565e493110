"""The arguments of `echorator doctor`; imports nothing heavy."""

from __future__ import annotations

import argparse

from echorator.cli.options.output import RESULTS, add_output

DOCTOR_EXAMPLES = """\
examples:
  echorator doctor
  echorator doctor --output json | jq '.findings[] | select(.state == "wrong")'

It looks at versions, GPUs, memory, disks, permissions, ports, proxies, the configuration and the server that runs, and changes nothing. The
exit code is 1 where something is wrong.
"""


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add the format of the output."""
    add_output(parser, RESULTS)
