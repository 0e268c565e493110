"""The manual pages, as groff reads them: no warnings, every command, and nothing that a request of roff would swallow."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import pytest

from docs.generators.commands import below, parsers
from docs.generators.man import page

TOPS = {parser.prog: parser for parser in parsers()}


@pytest.mark.parametrize("program", TOPS)
def test_the_page_has_every_command_and_option(program: str) -> None:
    text = page(TOPS[program])
    for command in below(TOPS[program]):
        assert command.prog.replace("-", "\\-") in text
        for action in command._actions:
            hidden = action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)
            for option in () if hidden else action.option_strings:
                assert option.replace("-", "\\-") in text
    starts = ('.\\"', ".TH ", ".SH ", ".SS ", ".TP", ".B ", ".PP", ".nf", ".fi")
    assert [line for line in text.splitlines() if line.startswith((".", "'")) and not line.startswith(starts)] == []


@pytest.mark.needs("groff")
@pytest.mark.parametrize("program", TOPS)
def test_groff_reads_it_without_a_warning(program: str, tmp_path: Path) -> None:
    path = tmp_path / f"{program}.1"
    path.write_text(page(TOPS[program]))
    done = subprocess.run(("groff", "-man", "-Tutf8", "-ww", str(path)), capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert "~/.config/echorator/config.toml" in done.stdout or program != "echorator"
