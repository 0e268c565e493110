"""Plausible mistakes in commands and options, and the suggestion that each of them gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generators.commands import below as every_command
from echorator.cli.command_words import GROUPS, MEANT, ROOMS, module_of
from echorator.cli.configured import below
from echorator.cli.main import parser
from tests.support.commands import COMMAND, in_process

ROOT = Path(__file__).parents[2]
TYPED = [
    ("chta hi", "chat"),
    ("caht", "chat"),
    ("chatt", "chat"),
    ("serv", "serve"),
    ("sevre", "serve"),
    ("rnu phi", "run"),
    ("runn phi", "run"),
    ("pul phi", "pull"),
    ("pll phi", "pull"),
    ("mdoels", "models"),
    ("modles list", "models"),
    ("memroy list", "memory"),
    ("memory lst --user a", "list"),
    ("memory serach x --user a", "search"),
    ("memory forgot --user a", "forget"),
    ("memory remember x --user a", "echorator memory add"),
    ("memory delete 3 --user a", "echorator memory forget"),
    ("satus", "status"),
    ("stauts", "status"),
    ("statsu", "status"),
    ("ps", "echorator status"),
    ("list", "echorator models"),
    ("ls", "echorator models"),
    ("rm phi", "echorator models remove"),
    ("remove phi", "echorator models remove"),
    ("stop", "echorator delete"),
    ("start", "echorator up"),
    ("--versoin", "--version"),
    ("--hlep", "--help"),
    ("chat --temprature 0 hi", "--temperature"),
    ("chat --tempurature 0 hi", "--temperature"),
    ("chat --max_tokens 3 hi", "--max-tokens"),
    ("chat --sever x hi", "--server"),
    ("chat --modle x hi", "--model"),
    ("chat --usr ann hi", "--user"),
    ("chat --sytem x hi", "--system"),
    ("serve --contxt-tokens 3", "--context-tokens"),
    ("up --prot 3", "--port"),
    ("up --htp-port 3", "--http-port"),
    ("aply -f x", "apply"),
    ("apply --flie x", "--file"),
    ("delte model x", "delete"),
    ("scael model x 3", "scale"),
    ("desribe model x", "describe"),
    ("get modls", "Model"),
    ("controler", "controller"),
    ("gatway", "gateway"),
    ("bootsrap", "bootstrap"),
    ("mcp --usr x", "--user"),
    ("generate hi", "echorator chat"),
    ("ask hi", "echorator chat"),
    ("create phi", "echorator apply"),
    ("show phi", "echorator describe"),
    ("embd x", "embed"),
    ("embedding x", "embed"),
    ("config lst", "list"),
    ("model x", "models"),
    ("memory find x", "echorator memory search"),
    ("models rm phi", "echorator models remove"),
    ("chat --top-K 3 hi", "--top-k"),
    ("up --dta x", "--data"),
]


@pytest.mark.parametrize(("typed", "meant"), TYPED)
def test_the_suggestion(typed: str, meant: str) -> None:
    done = in_process(COMMAND, *typed.split())
    assert done.returncode == 2
    assert f"did you mean `{meant}`?" in done.stderr or f"did you mean {meant}?" in done.stderr or f"did you mean '{meant}'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_there_are_fifty() -> None:
    assert len(TYPED) >= 50


def test_every_command_is_in_one_group_and_every_word_means_a_command() -> None:
    top = below(parser())
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(top)
    for command, words in MEANT.items():
        here = below(top[command]) if command else top
        for word, meant in words.items():
            assert word not in here
            first, *rest = meant.split()
            assert first in here or (command == "config" and first in ("list", "path", "template"))
            assert all(name in below(here[first]) for name in rest if below(here[first]))


@pytest.mark.parametrize("words", [("help",), ("help", "chat"), ("version",), ("-V",), ("help", "memory", "add")])
def test_words_for_help_and_version(words: tuple[str, ...]) -> None:
    done = in_process(COMMAND, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: " if words[0] == "help" else "echorator ")


def test_a_text_that_begins_with_dashes_is_no_option() -> None:
    assert parser().parse_args(["chat", "--help me with this"]).prompt == ["--help me with this"]
    assert parser().parse_args(["chat", "--", "--x"]).prompt == ["--x"]


def test_every_command_has_its_module() -> None:
    """Its file is there; commands below a command may have a module of their own."""
    files = {path.stem: path for path in (ROOT / "echorator" / "cli" / "echorator").glob("*/*.py")}
    for name in [name for names in ROOMS.values() for name in names]:
        assert module_of(name).replace(".", "/") == str(files[name].relative_to(ROOT).with_suffix(""))
    modules = [made.get_default("module") or made.prog.split()[1] for made in every_command(parser()) if " " in made.prog]
    assert {name for names in ROOMS.values() for name in names} == set(modules)
