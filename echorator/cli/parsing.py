"""The parser of both programs: it says a mistake in one line, which names the nearest word that is known and the help of the command.

It uses parts of argparse that are not public, since argparse has no other place for this.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from echorator.cli.command_words import MEANT
from echorator.cli.configured import NOTHING, Appended, options_of, value_of
from echorator.cli.help_text import HelpFormatter
from echorator.host.exits import CommandError, Exit

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_NUMBER = re.compile(r"-\.?\d")  # begins a negative number, such as -1, -.5 or -1e3
_SHOWN = 60  # characters of a word in a message
_LISTED = 20  # commands that a message lists


class Parser(argparse.ArgumentParser):
    """A parser whose commands get parsers of the same kind. `program` is the name in front of a mistake, by default `prog`."""

    def __init__(self, *, above: Parser | None = None, **settings: Any) -> None:
        settings.setdefault("formatter_class", HelpFormatter)
        super().__init__(**settings)
        self.program: str = above.program if above is not None else self.prog
        self.top: Parser = above.top if above is not None else self
        self.settings = NOTHING  # where the options stand that a command line leaves out; of the top parser
        self._negative_number_matcher = _NUMBER  # argparse's own knows neither -1e3 nor -1x, and takes them for options

    def add_subparsers(self, **settings: Any) -> Any:
        """Add commands, as argparse does; their mistakes begin with the same program's name."""
        settings.setdefault("parser_class", functools.partial(type(self), above=self))
        return super().add_subparsers(**settings)

    def parse_known_args(  # type: ignore[override]  # argparse has overloads for namespaces of other classes, which nobody uses here
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse all words. A word that is unknown is a mistake of this parser, not of the one above it, so that none is returned."""
        words = sys.argv[1:] if args is None else list(args)
        self._check_encoding(words)
        if self._subparsers is not None and words and words[0].startswith("-"):
            self._check_known(words[0])
        configured = self._configure()
        self._check_options(words)
        found, left = super().parse_known_args(words, namespace)
        if left:
            self._take(found, left)
        self._prefer_given(found, configured)
        return found, []

    def _configure(self) -> list[argparse.Action]:
        """Give the options that the settings name their values as defaults, and return these options."""
        if self.top.settings is NOTHING:
            return []
        command, configured = self.prog.split()[1:], []
        for name, action in options_of(self):
            found = self.top.settings.find(command, name)
            if found is None:
                continue
            try:
                value = value_of(self, action, found)
            except CommandError as error:
                self.error(str(error))
            action.default = str(found.value) if isinstance(value, str) else value  # argparse converts texts itself
            action.required = False
            configured.append(action)
        return configured

    @staticmethod
    def _prefer_given(found: argparse.Namespace, configured: Sequence[argparse.Action]) -> None:
        """Drop configured values in favour of what the command line gives: of the option itself, or of one that it yields to."""
        for action in configured:
            value = getattr(found, action.dest, None)
            if isinstance(value, Appended) and len(value) > value.configured:
                setattr(found, action.dest, value[value.configured :])
            if any(getattr(found, name, None) for name in getattr(action, "yields_to", ())):
                setattr(found, action.dest, None)

    def error(self, message: str) -> NoReturn:
        """Print the message in one line to stderr and exit with the code USAGE."""
        self.exit(Exit.USAGE, f"{self.program}: error: {' '.join(message.split())}; see `{self.prog} --help`\n")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        print(message, end="", file=file or sys.stderr)  # argparse would go on in silence where the reader has left

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        if not isinstance(action, argparse._SubParsersAction):
            hint = self._hint(str(value), known) or f"(choose from {', '.join(known)})"
            raise argparse.ArgumentError(action, f"invalid choice: {value!r} {hint}")
        hint = self._hint(str(value), known) or (f"(there are {', '.join(known)})" if len(known) <= _LISTED else "")
        self.error(f"there is no {str(action.metavar).lower()} {str(value)[:_SHOWN]!r} {hint}".rstrip())

    def _hint(self, word: str, known: Sequence[str]) -> str:
        """Return what a word of this command probably means, in brackets, else the known word that is nearest; "" for neither."""
        command = " ".join(self.prog.split()[1:])
        meant = MEANT.get(command, {}).get(word.lower())
        if meant is None or self.top.prog != "echorator":
            return nearest(word, known)
        return f"(did you mean `{self.prog} {meant}`?)"

    def _check_encoding(self, words: Sequence[str]) -> None:
        for number, word in enumerate(words, 1):
            try:
                word.encode()
            except UnicodeEncodeError as error:
                at = len(word[: error.start].encode())
                shown = word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                said = f"{shown[:_SHOWN]}{'...' if shown[_SHOWN:] else ''}"
                self.error(f"argument {number} ('{said}') is not UTF-8 at byte {at}")

    def _check_options(self, words: Sequence[str]) -> None:
        """Refuse an unknown long option of a command that has none below it; argparse would first complain of what is missing."""
        if self._subparsers is not None:
            return
        options = self._option_string_actions
        for word in words[: list(words).index("--") if "--" in words else None]:
            name = word.partition("=")[0]
            is_option = name.startswith("--") and len(name) > 2 and " " not in word
            if is_option and not any(known.startswith(name) for known in options):
                self._refuse(name)

    def _check_known(self, word: str) -> None:
        """Refuse an unknown option before the command; argparse would take its value for the command and complain about that."""
        name = word.partition("=")[0]
        short = name[:2] if not name.startswith("--") else name
        if not any(known == short or known.startswith(name) for known in self._option_string_actions):
            self._refuse(name)

    def _take(self, found: argparse.Namespace, left: Sequence[str]) -> None:
        """Append words that follow an option, which argparse leaves over, to the argument that takes any number of words; else fail."""
        end = list(left).index("--") if "--" in left else len(left)
        for word in left[:end]:
            if word.startswith("-") and len(word) > 1 and not _NUMBER.match(word):
                self._refuse(word.partition("=")[0])
        words = [*left[:end], *left[end + 1 :]]
        action = next((positional for positional in self._get_positional_actions() if positional.nargs in ("*", "+")), None)
        if action is None:
            self.error(f"unrecognized arguments: {' '.join(words)}")
        try:
            values = self._get_values(action, words)
        except argparse.ArgumentError as error:
            self.error(str(error))
        setattr(found, action.dest, [*(getattr(found, action.dest) or ()), *values])

    def _refuse(self, option: str) -> NoReturn:
        known = [name for action in self._actions if action.help is not argparse.SUPPRESS for name in action.option_strings]
        hint = nearest(option, known)
        if not hint and self._subparsers is not None:
            hint = "(options of a command follow its name)"
        self.error(f"there is no option {option[:_SHOWN]}{' ' if hint else ''}{hint}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint in brackets that names the known word nearest to `word`, whatever the case of its letters; "" if none is near."""
    spelt = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), list(spelt), n=1, cutoff=0.6)
    return f"(did you mean {spelt[close[0]]}?)" if close else ""
