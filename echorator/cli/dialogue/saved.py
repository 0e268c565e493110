"""Dialogues that `/save` keeps, each in a private JSON file of the data folder, and that `/load` reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echorator.cli.dialogue.folder import PART, chats, prepare
from echorator.cli.dialogue.transcript import Exchange, Transcript, new_session
from echorator.cli.dialogue.values import Value, checked
from echorator.cli.parsing import nearest
from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError
from echorator.private_files import open_private

VERSION = 1
_NAME = re.compile(r"\w[\w.-]{0,63}")  # of a dialogue, and of its file without .json


@dataclass(frozen=True)
class Saved:
    """A dialogue as `/save` keeps it; "" for the model and the user where none was named."""

    transcript: Transcript
    model: str = ""
    user: str = ""
    values: dict[str, Value] = field(default_factory=dict)


def path_of(name: str) -> Path:
    """Return the file of a dialogue. Raises CommandError where the name is none."""
    if not _NAME.fullmatch(name):
        raise CommandError("a name has 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or digit")
    return chats() / f"{name}.json"


def names() -> list[str]:
    """Return the names of the kept dialogues, in alphabetical order."""
    return sorted(path.stem for path in chats().glob("*.json"))


def save(name: str, saved: Saved) -> Path:
    """Write a dialogue and return its file. Raises CommandError."""
    path = path_of(name)
    body = {
        "version": VERSION,
        "model": saved.model,
        "user": saved.user,
        "session": saved.transcript.session,
        "values": {name: list(value) if isinstance(value, tuple) else value for name, value in saved.values.items()},
        "system": saved.transcript.system,
        "messages": [
            {"role": role, "content": content}
            for exchange in saved.transcript.exchanges
            for role, content in (("user", exchange.user), ("assistant", exchange.assistant))
        ],
    }
    part = path.with_name(f".{path.name}{PART}")
    try:
        prepare()
        with open_private(part, "w") as out:
            json.dump(body, out, ensure_ascii=False, indent=1)
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    return path


def load(name: str) -> Saved:
    """Return a kept dialogue. Raises CommandError."""
    path = path_of(name)
    try:
        return _read(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        hint = nearest(name, names()) or "(/load lists them)"
        raise CommandError(f"no dialogue is kept as {name} {hint}") from None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, InvalidRequestError) as error:
        raise CommandError(f"{path} is no dialogue of this version: {error}") from error


def _read(body: Any) -> Saved:
    if body["version"] != VERSION:
        raise ValueError(f"version {body['version']}")
    messages = [(str(m["role"]), str(m["content"])) for m in body["messages"]]
    if [role for role, _ in messages] != ["user", "assistant"] * (len(messages) // 2):
        raise ValueError("the messages are not of user and assistant in turn")
    exchanges = [Exchange(messages[i][1], messages[i + 1][1]) for i in range(0, len(messages), 2)]
    transcript = Transcript(str(body["session"]) or new_session(), str(body["system"]), exchanges)
    return Saved(transcript, str(body["model"]), str(body["user"]), {name: checked(name, value) for name, value in body["values"].items()})
