"""What a typed line means: a command, a message or a mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cli.dialogue.lines import ALIASES, COMMANDS, Command, Mistake, Text, help_text, is_open, read


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", None),
        ("  \n ", None),
        ("Hello!", Text("Hello!")),
        ("/help", Command("help", "")),
        ("/?", Command("help", "")),
        ("/Set temperature 0", Command("set", "temperature 0")),
        ("/system You are Echo.\nBe brief.", Command("system", "You are Echo.\nBe brief.")),
        ("/clear", Command("new", "")),
        ("/quit", Command("bye", "")),
        ("//help me", Text("/help me")),
        ("/etc/hosts has a line too many", Text("/etc/hosts has a line too many")),
        ("/usr/bin", Text("/usr/bin")),
        ("/* a comment */", Text("/* a comment */")),
        ("/", Text("/")),
        ('"""/help"""', Text("/help")),
        ('"""\none\ntwo\n"""', Text("one\ntwo")),
        ('"""exit"""', Text("exit")),
        ('""""""', None),
    ],
)
def test_what_is_meant(typed: str, meant: Command | Text | None) -> None:
    assert read(typed) == meant


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/hlep", "no command /hlep (did you mean /help?)"),
        ("/memroy all", "(did you mean /memory?)"),
        ("/sve x", "(did you mean /save?)"),
        ("/qiut", "(did you mean /quit?)"),
        ("/retyr", "(did you mean /retry?)"),
        ("/modle", "(did you mean /model?)"),
        ("/forgte that", "(did you mean /forget?)"),
        ("/xyz", "(/help lists them); to send a text that begins with it, type //xyz"),
        ("exit", "/bye"),
        (" QUIT ", '"""QUIT"""'),
    ],
)
def test_a_mistake_says_what_to_type(typed: str, says: str) -> None:
    meant = read(typed)
    assert isinstance(meant, Mistake)
    assert says in meant.message


@given(st.text())
def test_nothing_that_begins_like_a_command_is_a_message(text: str) -> None:
    for name in (*COMMANDS, *ALIASES):
        assert isinstance(read(f"/{name} {text}"), Command)
        assert isinstance(read(f"/{name}zz {text}"), Mistake)


@given(st.text())
def test_two_slashes_or_quotes_send_any_text(text: str) -> None:
    word = f"x{text}x"
    assert read(f"//{word}") == Text(f"/{word}")
    assert read(f'"""{word}"""') == Text(word)


@pytest.mark.parametrize(
    ("text", "open_"), [('"""', True), ('"""a', True), ('"""a"""', False), ('""""""', False), ('a"""', False), ("", False)]
)
def test_a_text_in_quotes_is_open_until_they_are_closed(text: str, open_: bool) -> None:
    assert is_open(text) is open_


def test_the_help_fits_into_a_small_terminal() -> None:
    lines = help_text().splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) < 24
    assert all(any(line.startswith(f"/{name}") for line in lines) for name in COMMANDS)
    assert help_text("/clear").startswith("/new\n")
    with pytest.raises(KeyError):
        help_text("nonsense")
