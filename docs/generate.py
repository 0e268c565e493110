"""Write the pages of `docs/reference/` and `docs/man/` from the code: commands, settings, protos, the Model resource, metrics, errors.

    python docs/generate.py            write the pages
    python docs/generate.py --check    write nothing; name each page that is stale, and exit 1 if there is one
    python docs/generate.py --accept   write tests/docs/commands.txt and metrics.txt too: commands, options, exit codes and metric names
                                       that users rely on, which a test compares with the code, so that none changes unseen
    python docs/generate.py --missing  name the settings, proto fields and metrics that no comment or help explains

Equal for every machine, time and supported version of Python. Needs the `test` extra, for protoc.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
MAN = ROOT / "docs" / "man"
LISTS = ROOT / "tests" / "docs"
VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_ENDPOINT", "HF_TOKEN")

if str(ROOT) not in sys.path:  # a script's own folder is on the path, not the one that holds the packages
    sys.path.insert(0, str(ROOT))
for variable in VARIABLES:  # defaults may be read from these
    os.environ.pop(variable, None)
sys.argv[0] = "echorator"  # by which `kollama` knows whether kubectl runs it

from docs.generators import commands, crd, errors, man, metrics, protos, settings  # noqa: E402  # once the path is right

PAGES = {
    "cli.md": commands.page,
    "settings.md": settings.page,
    "protos.md": protos.page,
    "crd.md": crd.page,
    "metrics.md": metrics.page,
    "errors.md": errors.page,
}


def lists() -> dict[str, str]:
    """Return the texts of the lists of what users rely on, by file name."""
    return {"commands.txt": _lines(commands.tree()), "metrics.txt": _lines(metrics.names())}


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the pages of docs/reference/ from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; name each page that is stale, and exit 1 if there is one")
    parser.add_argument("--accept", action="store_true", help="write the lists of commands and metric names in tests/docs/ too")
    parser.add_argument("--missing", action="store_true", help="name what no comment or help explains, and write nothing")
    arguments = parser.parse_args()
    if arguments.missing:
        print(*settings.without_comment(), *protos.without_comment(), *metrics.without_help(), sep="\n")
        return 0
    texts = {REFERENCE / name: page() for name, page in PAGES.items()}
    texts |= {MAN / f"{parser.prog}.1": man.page(parser) for parser in commands.parsers()}
    if arguments.check:
        stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale; run `python docs/generate.py`")
        return 1 if stale else 0
    if arguments.accept:
        texts |= {LISTS / name: text for name, text in lists().items()}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
