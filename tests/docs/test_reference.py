"""The reference is what the code says now, and no command, option, exit code or metric that users rely on has changed unseen."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from docs.generators import commands, metrics, protos, settings

ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).parent
SETTINGS = re.compile(r"^class (\w+Settings)\b", re.MULTILINE)


def test_the_generated_pages_are_current() -> None:
    command = (sys.executable, str(ROOT / "docs/generate.py"), "--check")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "now"), [("commands.txt", commands.tree), ("metrics.txt", metrics.names)], ids=["commands", "metrics"])
def test_what_users_rely_on_is_what_was_accepted(name: str, now: object) -> None:
    accepted = (LISTS / name).read_text("utf-8").splitlines()
    found = now()  # type: ignore[operator]
    changes = "\n".join(difflib.unified_diff(accepted, found, f"{name} (accepted)", f"{name} (the code)", lineterm="", n=0))
    assert accepted == found, f"{changes}\nIf that is meant, run `python docs/generate.py --accept` and say so in CHANGELOG.md"


def test_every_field_method_and_value_has_a_comment() -> None:
    assert protos.without_comment() == []


def test_every_metric_has_a_help_text() -> None:
    assert metrics.without_help() == []


def test_every_settings_class_is_described() -> None:
    there = {name for path in (ROOT / "echorator").rglob("*.py") for name in SETTINGS.findall(path.read_text("utf-8"))}
    assert there <= {type(one.instance).__name__ for one in settings.ALL}


def test_ranges_are_those_that_the_classes_refuse() -> None:
    engine = next(one.instance for one in settings.ALL if type(one.instance).__name__ == "EngineSettings")
    ranges = {field.name: settings.range_of(engine, field) for field in fields(engine)}
    assert ranges["slots"] == "1..128"
    assert ranges["kv_layout"] == "auto, unified, separate"
    assert ranges["stall_factor"] == "1..1000"
    assert ranges["mmap"] == ""


def test_a_stale_page_is_named(tmp_path: Path) -> None:
    """A copy of what the script reads, in which one page was edited by hand."""
    for name in ("docs", "echorator", "protos", "manifests", "tests"):
        (tmp_path / name).mkdir()
    for folder in ("docs", "protos", "manifests"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".proto", ".yaml", ".1"):
                target = tmp_path / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    page = tmp_path / "docs/reference/metrics.md"
    page.write_text(page.read_text("utf-8").replace("histogram", "gauge", 1), "utf-8")
    (tmp_path / "echorator").rmdir()
    command = (sys.executable, str(tmp_path / "docs/generate.py"), "--check")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (1, "docs/reference/metrics.md is stale; run `python docs/generate.py`\n")
