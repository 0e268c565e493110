"""The values of options that the command line leaves out: from environment variables, then from a configuration file.

An option `--max-tokens` of `chat` is looked for as ECHORATOR_CHAT_MAX_TOKENS, as ECHORATOR_MAX_TOKENS, as `max-tokens` of the file's
section [chat], and as `max-tokens` above all sections; the first one that is there counts. A command below another has a section like
[memory.search].
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echorator.host.exits import CommandError, Exit
from echorator.host.folders import config_file

PREFIX = "ECHORATOR_"
FILE_VARIABLE = "ECHORATOR_CONFIG"
OTHERS = (FILE_VARIABLE, "ECHORATOR_OFFLINE", "ECHORATOR_MIRRORS", "ECHORATOR_MODELS")  # variables that are no options
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Found:
    """A value that stands in place of an option, and where it stands, as a message names it."""

    value: Any
    where: str


class Settings:
    """What the environment and the configuration file say. `none` is the one that says nothing."""

    def __init__(self, environment: Mapping[str, str], file: Mapping[str, Any], path: str) -> None:
        """Take variables by their names, and the file's content by its keys; `path` names the file in messages."""
        self.environment = environment
        self.file = file
        self.path = path

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the file of ECHORATOR_CONFIG, "" for none, else the user's own if it is there. Raises CommandError."""
        named = environment.get(FILE_VARIABLE)
        path = Path(named) if named else config_file()
        if named == "" or (named is None and not path.exists()):
            return cls(environment, {}, str(path))
        try:
            return cls(environment, tomllib.loads(path.read_text("utf-8")), str(path))
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}; it is to be a file: correct its name, or make it", Exit.USAGE) from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} is not UTF-8 at byte {error.start}", Exit.USAGE) from error
        except tomllib.TOMLDecodeError as error:
            raise CommandError(f"{path} is no TOML file: {error}", Exit.USAGE) from error

    def find(self, command: Sequence[str], option: str) -> Found | None:
        """Return what stands in place of `option`, such as "max-tokens", of the command of these words."""
        for name in (variable_of(*command, option), variable_of(option)):
            value = self.environment.get(name)
            if value is not None and not value.startswith("tcp://"):  # Kubernetes sets such variables for a Service, as Docker's links were
                return Found(value, name)
        section: Any = self.file
        sections = [(self.file, "")]
        for word in command:
            section = section.get(word) if isinstance(section, Mapping) else None
            if isinstance(section, Mapping):
                sections.append((section, word))
        for table, word in reversed(sections):
            for key in (option, option.replace("-", "_")):
                if key in table and not isinstance(table[key], Mapping):
                    return Found(table[key], f"{key} of {f'[{word}] in ' if word else ''}{self.path}")
        return None

    def faults(self, parser: argparse.ArgumentParser) -> list[str]:
        """Return a line for each key of the file that means no option of the program; `parser` is the top one."""
        return list(_faults(self.file, parser, (), self.path))

    def check(self, parser: argparse.ArgumentParser) -> None:
        """Raise CommandError with a line for each fault, where there are any."""
        if faults := self.faults(parser):
            raise CommandError("\n".join(faults), Exit.USAGE)


NOTHING = Settings({}, {}, "")


def variable_of(*words: str) -> str:
    """Return the environment variable of an option, or of an option of a command: ECHORATOR_CHAT_MAX_TOKENS."""
    return PREFIX + "_".join(words).upper().replace("-", "_").replace(".", "_")


def options_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Yield the options that may be configured by their long names without dashes."""
    for action in parser._actions:
        long = [name for name in action.option_strings if name.startswith("--")]
        if not long or action.help is argparse.SUPPRESS or action.nargs not in (None, 0) or action.dest in ("help", "version"):
            continue
        yield getattr(action, "setting", "") or max(long, key=lambda name: (not name.startswith("--no-"), len(name)))[2:], action


def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands of a parser by their names."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def value_of(parser: argparse.ArgumentParser, action: argparse.Action, found: Found) -> Any:
    """Return the value of an option as its own type. Raises CommandError, which names where the value stands."""
    repeated = isinstance(action, argparse._AppendAction)
    if isinstance(found.value, Mapping) or (isinstance(found.value, list) and not repeated):
        raise CommandError(f"{found.where}: one value is expected", Exit.USAGE)
    try:
        if action.nargs == 0:
            return _switch(found.value)
        if repeated:
            lines = found.value if isinstance(found.value, list) else [line for line in str(found.value).split("\n") if line]
            return Appended(parser._get_values(action, [str(line)]) for line in lines)
        return parser._get_values(action, [str(found.value)])
    except (argparse.ArgumentError, ValueError) as error:
        said = error.message if isinstance(error, argparse.ArgumentError) else str(error)
        raise CommandError(f"{found.where}: {said}", Exit.USAGE) from error


class Appended(list[Any]):
    """Configured values of an option that may be repeated; on the command line they are replaced, not added to."""

    def __init__(self, values: Iterator[Any]) -> None:
        super().__init__(values)
        self.configured = len(self)


def _switch(value: Any) -> bool:
    said = str(value).lower()
    if said not in (*_TRUE, *_FALSE):
        raise ValueError(f"{value!r} is neither true nor false")
    return said in _TRUE


def _faults(table: Mapping[str, Any], parser: argparse.ArgumentParser, command: tuple[str, ...], path: str) -> Iterator[str]:
    from echorator.cli.parsing import nearest

    commands = below(parser)
    known = {name for name, _ in options_of(parser)}
    for key, value in table.items():
        where = f"{path}: {f'[{chr(46).join(command)}] ' if command else ''}{key}"
        if isinstance(value, Mapping):
            if key in commands:
                yield from _faults(value, commands[key], (*command, key), path)
            else:
                yield f"{where}: there is no such command {nearest(key, commands)}"
        elif key in commands:
            yield f"{where}: it is a command; write [{chr(46).join((*command, key))}] above its options"
        elif key.replace("_", "-") not in known and not _anywhere(key.replace("_", "-"), parser):
            yield f"{where}: there is no such option {nearest(key, known)}"


def _anywhere(option: str, parser: argparse.ArgumentParser) -> bool:
    """Return whether a command below this one has the option."""
    return any(option == name for name, _ in options_of(parser)) or any(_anywhere(option, each) for each in below(parser).values())
