"""Measures which lines the tests run: `python -m tests.support.coverage_table [ARGUMENTS OF PYTEST]` writes COVERAGE.md in bench/.

The files of the checkout are copied to a temporary folder, where the native modules are built for gcov and the tests run under coverage.py,
their processes included. Processes that are killed, and children whose environment is emptied (`prompting.child`), count for nothing, so
that the figures are lower bounds. Needs gcov, which comes with GCC, and what `pip install -e '.[coverage]'` installs.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "bench/COVERAGE.md"
CONFIG = """
[run]
source_pkgs = echorator
omit = */rpc/**
parallel = true
patch = subprocess, _exit
data_file = {folder}/data/coverage
[paths]
source =
    {source}
"""

Lines = tuple[int, int]  # those that ran, and all


def copied(folder: Path) -> Path:
    """Copy the files that git knows, as they are in the checkout, and return where they are."""
    names = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    source = folder / "source"
    for name in filter(None, names):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
            (source / name).chmod((ROOT / name).stat().st_mode)
    return source


def room_of(path: str) -> str:
    """Return the room of a file of `echorator`: its folder, two levels deep at most; the package itself for a file at its root."""
    parts = Path(path).parts[:-1]
    return "/".join(parts[:3])


def python_lines(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, Lines]:
    """Add up the JSON report of coverage.py, by room."""
    ran, every = Counter[str](), Counter[str]()
    for path, file in report["files"].items():
        ran[room_of(path)] += file["summary"]["covered_lines"]
        every[room_of(path)] += file["summary"]["num_statements"]
    return {room: (ran[room], every[room]) for room in sorted(every)}


def native_lines(reports: Iterable[str]) -> dict[str, Lines]:
    """Add up what gcov prints as JSON, by header of our own: a line ran if it did in one of the modules that include it."""
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for report in reports:
        for file in json.loads(report)["files"]:
            header = Path(file["file"])
            if header.parent.name != "_native" or header.suffix != ".hpp":
                continue
            for line in file["lines"]:
                counted = counts[f"_native/{header.name}"]
                counted[line["line_number"]] = max(line["count"], counted.get(line["line_number"], 0))
    return {header: (sum(map(bool, lines.values())), len(lines)) for header, lines in sorted(counts.items())}


def rows(lines: dict[str, Lines]) -> list[str]:
    """Return the rows of a table, the last one for all together."""
    together = (sum(ran for ran, _ in lines.values()), sum(every for _, every in lines.values()))
    every_row = [*lines.items(), ("all together", together)]
    return [f"| {name} | {every} | {100 * ran / every:.0f} % |" for name, (ran, every) in every_row if every]


def main() -> int:
    """Run the tests, write the table unless they failed, and return the exit code of pytest."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = copied(folder)
        python = {**os.environ, "PYTHONPATH": str(source), "CXXFLAGS": "--coverage", "LDFLAGS": "--coverage"}
        subprocess.run((sys.executable, "setup.py", "-q", "build_ext", "--inplace"), cwd=source, env=python, check=True)
        config = folder / "coveragerc"
        config.write_text(CONFIG.format(folder=folder, source=source), "utf-8")
        coverage = (sys.executable, "-P", "-m", "coverage")
        code = subprocess.run((*coverage, "run", f"--rcfile={config}", "-m", "pytest", *sys.argv[1:]), cwd=source, env=python).returncode
        if code:
            return code
        report = folder / "report.json"
        subprocess.run((*coverage, "combine", "-q", f"--rcfile={config}"), cwd=source, check=True)
        subprocess.run((*coverage, "json", "-q", f"--rcfile={config}", "-o", str(report)), cwd=source, check=True)
        objects = map(str, source.glob("build/**/*.gcda"))
        native = subprocess.run(("gcov", "--json-format", "--stdout", *objects), cwd=source, capture_output=True, text=True, check=True)
        page = [
            "# Which lines the tests run",
            "",
            f"`python -m tests.support.coverage_table{''.join(f' {argument}' for argument in sys.argv[1:])}`, Python "
            f"{platform.python_version()}. Lower bounds: processes that are killed and children without an environment count for nothing.",
            "",
            "| folder | statements | run |",
            "|---|---|---|",
            *rows(python_lines(json.loads(report.read_text("utf-8")))),
            "",
            "| header | lines with code | run |",
            "|---|---|---|",
            *rows(native_lines(native.stdout.splitlines())),
        ]
        TABLE.write_text("\n".join(page) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
