"""Copies a text to the clipboard: by the desktop's own program where there is one, else by the terminal, also over ssh."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys

from echorator.cli.dialogue.screen import DUMB

PROGRAM_S = 5.0  # time for the desktop's program
_PROGRAMS = (("WAYLAND_DISPLAY", ("wl-copy",)), ("DISPLAY", ("xclip", "-selection", "clipboard")), ("", ("pbcopy",)))
_CODE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ ]{0,3}\1|\Z)", re.MULTILINE | re.DOTALL)


def last_code(answer: str) -> str:
    """Return the last block of code of an answer in Markdown, without its fences; "" if there is none. Pure."""
    blocks = [found[2] for found in _CODE.finditer(answer)]
    return blocks[-1] if blocks else ""


def copy(text: str) -> str:
    """Copy the text and return how, in words; "" where there is no clipboard to copy to."""
    for variable, command in _PROGRAMS:
        if (variable and not os.environ.get(variable)) or not shutil.which(command[0]):
            continue
        try:
            subprocess.run(
                command, input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PROGRAM_S, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return f"by {command[0]}"
    if not sys.stdout.isatty() or os.environ.get("TERM", "") in DUMB:
        return ""
    sys.stdout.write(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a")  # OSC 52 of xterm
    sys.stdout.flush()
    return "by the terminal, if it allows that"
