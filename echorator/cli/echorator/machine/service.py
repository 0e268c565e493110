"""`echorator service`: has systemd run `echorator up` for this user."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from echorator.host.exits import CommandError, Exit

NAME = "echorator.service"
STOP_S = 45  # `up` drains for 30 s by default
UNIT = """\
# Written by `echorator service install`, which replaces it.
[Unit]
Description=Echorator: models and a memory over gRPC and HTTP
Documentation=man:echorator(1)
After=network-online.target

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=2
TimeoutStopSec={stop_s}
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def run(arguments: argparse.Namespace) -> int:
    """Install, show or remove the unit and return the exit code. Raises CommandError."""
    text = unit_text(arguments.options)
    if arguments.action == "show":
        print(text, end="")
        return Exit.OK
    path = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user" / NAME
    if arguments.action == "remove":
        _remove(path)
        return Exit.OK
    try:
        arguments.parser.parse_args(["up", *arguments.options])  # a wrong option ends this command, not the service at each login
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    print(f"wrote {path}")
    if _systemctl("daemon-reload") and _systemctl("enable", "--now", NAME):
        print("started; `echorator status` shows it, `journalctl --user -u echorator -f` what it says")
    else:
        print(f"systemd of this user does not answer here; later: systemctl --user enable --now {NAME}")
    return Exit.OK


def unit_text(options: Sequence[str]) -> str:
    """Return the unit; `options` are of `up`. systemd splits a command at blanks, and expands % and $, unless they are written as here."""
    program = shutil.which("echorator") or ""
    own = [program] if program else [sys.executable, "-P", "-m", "echorator"]
    return UNIT.format(command=" ".join(map(_quoted, [*own, "up", "--view", "lines", *options])), stop_s=STOP_S)


def _quoted(word: str) -> str:
    """Return a word as systemd.service(5) wants it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or not word or any(sign in word for sign in " \t'") else word


def _remove(path: Path) -> None:
    _systemctl("disable", "--now", NAME)
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise CommandError(f"{path} is not there: nothing was installed") from error
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    _systemctl("daemon-reload")
    print(f"removed {path}")


def _systemctl(*arguments: str) -> bool:
    """Return whether the user's systemd did what it was asked to."""
    program = shutil.which("systemctl")
    if program is None:
        return False
    done = subprocess.run((program, "--user", *arguments), capture_output=True, text=True, check=False)
    return done.returncode == 0
