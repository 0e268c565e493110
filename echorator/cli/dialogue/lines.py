"""Reads what was typed: a command, a text for the model, or a mistake. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from echorator.cli.parsing import nearest

QUOTES = '"""'
_WORD = re.compile(r"/([A-Za-z?][\w-]*)\Z")  # what looks like a command; /etc/hosts and /* do not


@dataclass(frozen=True)
class Kind:
    """What `/help` says of a command."""

    arguments: str
    help: str


COMMANDS = {
    "help": Kind("[COMMAND]", "say what can be typed here"),
    "bye": Kind("", "leave; so does Ctrl-D"),
    "new": Kind("", "begin a new dialogue; system message and values stay"),
    "model": Kind("[NAME]", "talk to another model of this server, or list them"),
    "user": Kind("[NAME]", "begin anew with the memory of this user; - for none"),
    "memory": Kind("[WORDS]", "show what was recalled, and what is remembered"),
    "forget": Kind("TEXT", "erase what is remembered of this; you are asked first"),
    "set": Kind("[NAME VALUE]", "set a value, such as temperature 0, or list them"),
    "show": Kind("", "show model, server, user, values and length"),
    "save": Kind("NAME", "keep the dialogue in a private file"),
    "load": Kind("[NAME]", "go on with a kept dialogue, or list them"),
    "retry": Kind("", "ask for another answer to your last message"),
    "copy": Kind("[code]", "copy the last answer, or the last code in it"),
    "system": Kind("[TEXT]", "set the system message, or show it; - for none"),
}
ALIASES = {"exit": "bye", "quit": "bye", "clear": "new", "?": "help"}  # as in ollama
LEAVING = ("exit", "quit")

KEYS = f"""\
Alt-Enter       a new line; or write {QUOTES} before and after the text
Ctrl-C          stop the answer, or clear the line
Ctrl-R, Up      search in what you typed, now and earlier
Ctrl-X Ctrl-E   write the message in your editor
//text          send a text that begins with /; /etc/hosts needs no second one"""


@dataclass(frozen=True)
class Command:
    """A command that is known, and what follows it."""

    name: str
    rest: str


@dataclass(frozen=True)
class Text:
    """A message for the model."""

    text: str


@dataclass(frozen=True)
class Mistake:
    """What was typed is neither; nothing is sent."""

    message: str


def is_open(typed: str) -> bool:
    """Return whether a text that begins with three quotes lacks those at its end."""
    text = typed.strip()
    return text.startswith(QUOTES) and not (len(text) >= 2 * len(QUOTES) and text.endswith(QUOTES))


def read(typed: str) -> Command | Text | Mistake | None:
    """Return what was typed; None for nothing. A text in three quotes is always a message."""
    text = typed.strip()
    if text.startswith(QUOTES):
        quoted = text.removeprefix(QUOTES).removesuffix(QUOTES).strip("\n")
        return Text(quoted) if quoted.strip() else None
    if not text:
        return None
    if text.lower() in LEAVING:
        return Mistake(f"to leave, type /bye or press Ctrl-D; to send the word, type {QUOTES}{text}{QUOTES}")
    if text.startswith("//"):
        return Text(text[1:])
    first, *rest = text.split(maxsplit=1)
    word = _WORD.match(first)
    if word is None:
        return Text(text)
    name = word[1].lower()
    name = ALIASES.get(name, name)
    if name in COMMANDS:
        return Command(name, rest[0].strip() if rest else "")
    hint = nearest(f"/{name}", [f"/{known}" for known in (*COMMANDS, *ALIASES)]) or "(/help lists them)"
    return Mistake(f"there is no command {first} {hint}; to send a text that begins with it, type /{first}")


def help_text(name: str = "") -> str:
    """Return what `/help` prints, of all commands or of one. Raises KeyError for a name that is none."""
    name = name.removeprefix("/").lower()
    if name:
        kind = COMMANDS[ALIASES.get(name, name)]
        return f"/{ALIASES.get(name, name)} {kind.arguments}".rstrip() + f"\n  {kind.help}"
    lines = []
    for command, kind in COMMANDS.items():
        head = f"/{command} {kind.arguments}".rstrip()
        lines.append(f"{head:<19} {kind.help}")
    return "\n".join([*lines, "", KEYS])
