"""What both programs have in common: they parse, run one command, and turn every failure into one line on stderr and an exit code.

Commands are imported when they run, so that `--help` and usage errors answer at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from echorator.cli.configured import NOTHING, Settings
from echorator.cli.parsing import Parser
from echorator.errors import EchoratorError
from echorator.host.exits import CommandError, Exit
from echorator.host.extras import missing

COMPLETING = "_ARGCOMPLETE"  # the variable that a shell sets which wants to complete a command line
UNCONFIGURED = "--no-config"  # before the command: processes that another one starts get all of their options from that one
MENDING = (["config"], ["doctor"], ["--help"], ["-h"], ["--version"])  # what works with a configuration that is wrong


@dataclass(frozen=True)
class Program:
    """A program: its parser, and what returns the full name of the module that runs a command, by the module's own name.

    `prepare` gets the arguments before the command is imported. `failure_of` translates an error that no command has translated.
    """

    parser: Parser
    module_of: Callable[[str], str]
    prepare: Callable[[argparse.Namespace], None]
    failure_of: Callable[[EchoratorError], CommandError]
    print_more_versions: Callable[[argparse.Namespace], None] = lambda _: None
    configurable: bool = False  # options that are left out come from the environment and the configuration file

    def main(self, argv: Sequence[str] | None) -> int:
        """Run the command line `argv`, by default the process's, and return the exit code. Raises SystemExit after --help or a mistake."""
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # gRPC reads its variables when it is imported
        return ended_quietly(lambda: self._main(sys.argv[1:] if argv is None else list(argv)))

    def _main(self, words: list[str]) -> int:
        if COMPLETING in os.environ:
            import argcomplete

            argcomplete.autocomplete(self.parser, always_complete_options="long")  # exits
        words = _as_options(words)
        if words[:1] == [UNCONFIGURED]:
            del words[0]
        elif self.configurable:
            self.parser.settings = self._settings(words)
        arguments = self.parser.parse_args(words)
        arguments.command_line = words
        arguments.parser = self.parser
        if arguments.version:
            print(f"{self.parser.program} {_version()}")
            self.print_more_versions(arguments)
            return Exit.OK
        if arguments.command is None:
            self.parser.print_help(sys.stderr)
            return Exit.USAGE
        self.prepare(arguments)
        return self._run(arguments)

    def _settings(self, words: Sequence[str]) -> Settings:
        """Read the settings. A fault in them ends every command but those that help to mend it."""
        try:
            settings = Settings.read()
            settings.check(self.parser)
        except CommandError as error:
            if words[:1] in MENDING:
                return NOTHING
            sys.exit(self._fail(error))
        return settings

    def _run(self, arguments: argparse.Namespace) -> int:
        try:
            module = getattr(arguments, "module", arguments.command)
            return int(importlib.import_module(self.module_of(module)).run(arguments))
        except CommandError as error:
            return self._fail(error)
        except EchoratorError as error:
            return self._fail(self.failure_of(error))
        except ImportError as error:
            return self._fail(missing(error))

    def _fail(self, error: CommandError) -> int:
        for line in str(error).split("\n"):
            print(f"{self.parser.program}: error: {' '.join(line.split())}", file=sys.stderr)
        return error.code


def _as_options(words: list[str]) -> list[str]:
    """Return the words with `help`, `help COMMAND` and `version` as the options that they mean."""
    match words:
        case ["help", *command]:
            return [*command, "--help"]
        case ["version"] | ["-V"]:
            return ["--version"]
        case _:
            return words


def ended_quietly(run: Callable[[], int]) -> int:
    """Run a command and return its exit code: INTERRUPTED after Ctrl-C, PIPE_CLOSED where the reader of its output has gone.

    The output is flushed here, since the interpreter would print a traceback and exit with 120 where it cannot flush it at its end.
    """
    _open_missing_streams()
    try:
        try:
            return run()
        except KeyboardInterrupt:
            return Exit.INTERRUPTED
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # drop what the interpreter would still flush into it
        return Exit.PIPE_CLOSED


def _open_missing_streams() -> None:
    """Put /dev/null where the caller has closed a standard stream, which Python shows as None, and let stdout take any character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  it is open as long as the process
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: a locale without UTF-8 has not all characters of an answer


def _version() -> str:
    try:
        return version("echorator")
    except PackageNotFoundError:
        return "(not installed)"
