"""Reads what users give as text, from stdin, from the terminal and from files, and says which of it is not UTF-8."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from echorator.host.exits import CommandError, Exit


def text_of_stdin() -> str:
    """Return all of stdin, which is UTF-8 or in the encoding of the locale. Raises CommandError where it is neither or cannot be read."""
    try:
        return _text(sys.stdin.buffer.read(), "stdin", sys.stdin.encoding)
    except OSError as error:
        raise CommandError(f"stdin: {error.strerror}") from error


def lines_of_stdin() -> list[str]:
    """Return the lines of stdin that are not blank. Raises CommandError where it cannot be read or is not UTF-8."""
    return [line for line in text_of_stdin().splitlines() if line.strip()]


def text_of_file(path: Path) -> str:
    """Return the text of a file. Raises CommandError where it cannot be read or is not UTF-8."""
    try:
        return _text(path.read_bytes(), str(path))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def line_of_terminal(prompt: str) -> str:
    """Ask for a line on the terminal. Raises CommandError where it is not UTF-8, EOFError at the end of the input."""
    try:
        return checked_line(input(prompt))
    except UnicodeError as error:
        raise _no_line() from error


def line_of_stdin() -> str:
    """Return a line of stdin without its end. Raises CommandError where it is not in its encoding, EOFError at the end of the input."""
    line = sys.stdin.buffer.readline()
    if not line:
        raise EOFError
    try:
        return line.rstrip(b"\r\n").decode(sys.stdin.encoding)
    except UnicodeDecodeError as error:
        raise _no_line() from error


def checked_line(line: str) -> str:
    """Return a line that was read. Raises CommandError where some of its bytes were no text, which stand in it as surrogates."""
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise _no_line() from error
    return line


def _no_line() -> CommandError:
    return CommandError(f"that line is not {(sys.stdin.encoding or 'UTF-8').upper()}", Exit.USAGE)


def _text(given: bytes, name: str, other_encoding: str = "utf-8") -> str:
    """Decode UTF-8, which no other text looks like by chance, or else the other encoding, and drop a byte order mark."""
    try:
        text = given.decode("utf-8")
    except UnicodeDecodeError as error:
        try:
            text = given.decode(other_encoding)
        except UnicodeDecodeError:
            raise CommandError(f"{name} is not UTF-8 at byte {error.start}", Exit.USAGE) from error
    text = text.removeprefix("\ufeff")
    return io.StringIO(text, newline=None).getvalue()  # lines end with \n, however they ended
