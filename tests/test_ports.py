"""Ports of tests: no two processes are given the same one, and none that something listens on."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack

from tests.support.ports import free_port

ASKS = """\
from tests.support.ports import free_port
print(*(free_port() for _ in range(120)), flush=True)
input()
"""


def test_processes_that_run_at_once_are_given_different_ports() -> None:
    with ExitStack() as stack:
        command = (sys.executable, "-c", ASKS)
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) for _ in range(3)
        ]
        given = [free_port() for _ in range(60)]
        for process in processes:
            assert process.stdout is not None
            given += map(int, process.stdout.readline().split())
        for process in processes:
            process.communicate("\n")
    assert len(given) == len(set(given)) == 60 + 3 * 120


def test_a_port_that_is_taken_is_not_given() -> None:
    following = free_port() + 1
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", following))
        except OSError:
            pass  # something else has it already, or it is the first of another process's block: it is not given either
        else:
            other.listen()
        assert free_port() != following
