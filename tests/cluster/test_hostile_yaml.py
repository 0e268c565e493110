"""Whatever a file of resources says: resources, or mistakes with the file's name, never another exception."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.hostile.documents import yaml_text
from echorator.cluster.manifests import ManifestError, parse_manifests
from tests.support.rounds import rounds

SAMPLE = (Path(__file__).parents[2] / "manifests" / "samples" / "nano.yaml").read_text("utf-8")


def told(text: str) -> str:
    try:
        parse_manifests(text, "f.yaml")
    except ManifestError as error:
        return str(error)
    return ""


@settings(max_examples=rounds(300))
@given(st.integers(0, 1 << 40).map(yaml_text))
def test_made_of_hostile_parts(text: str) -> None:
    said = told(text)
    assert all(line.startswith("f.yaml:") for line in said.split("\n") if said)


@settings(max_examples=rounds(300))
@given(st.text(max_size=80), st.integers(0, len(SAMPLE)), st.integers(0, 60))
def test_a_good_file_with_a_part_that_was_changed(change: str, at: int, length: int) -> None:
    told(SAMPLE[:at] + change + SAMPLE[at + length :])


@settings(max_examples=rounds(300))
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    told(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: !!timestamp x\n", r"f.yaml: a value that is none of its tag \(AttributeError\)"),
        ("x: !!int ''\n", r"f.yaml:1: '' is no whole number"),
        ("\nx: !!float x\n", r"f.yaml:2: 'x' is no number"),
        ("x: !!bool yes\n", r"f.yaml:1: 'yes' is no true or false"),
        (
            "x: !!int 010\n",
            r"f.yaml:1: 010 is octal to some readers of YAML and decimal to others; write it without the zero, or in quotes",
        ),
        ("[" * 1_000_000, r"f.yaml:1: nested too deeply"),
        ("- " * 1_000_000, r"f.yaml:1: nested too deeply"),
        ("{a: " * 1_000_000, r"f.yaml:1: nested too deeply"),
        ("a: &a [*a]\n", r"f.yaml: more than 200000 values once its aliases are written out"),
        ("a: 1\na: 2\n", r"f.yaml:2: 'a' is there twice"),
        ("x: !!python/object/apply:os.system [id]\n", r"f.yaml:1: could not determine a constructor"),
        ("x: " + "9" * 5000, r"f.yaml:1: a whole number of 5000 digits; no number may have more than 4300"),
    ],
)
def test_what_is_said(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        parse_manifests(text, "f.yaml")


def test_billion_laughs_take_no_memory() -> None:
    levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9) if i else 'x'}]\n" for i in range(12))
    with pytest.raises(ManifestError, match="once its aliases are written out"):
        parse_manifests(levels, "f.yaml")


@pytest.mark.parametrize("command", [("apply", "-f", "-"), ("up", "-f", "-")])
def test_commands_end_with_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "echorator", *command, "--data" if command[0] == "up" else "--server", str(tmp_path)],
        input="x: !!timestamp x\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("echorator: error: stdin: a value that is none of its tag")
    assert len(done.stderr.splitlines()) == 1
