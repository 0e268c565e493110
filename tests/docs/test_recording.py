"""The README's picture shows the commands that the README has now."""

from __future__ import annotations

import html
import re

from docs.recording import PICTURE, ROOT, commands_of


def test_the_picture_has_the_commands_of_the_readme() -> None:
    texts = re.findall(r"<text [^>]*>(.*?)</text>", PICTURE.read_text("utf-8"))
    shown = html.unescape(" ".join(texts)).replace("\xa0", " ")
    commands = commands_of((ROOT / "README.md").read_text("utf-8"))
    assert len(commands) == 7
    place = 0
    for command in commands:
        place = shown.index(command.removeprefix(".venv/bin/"), place)
