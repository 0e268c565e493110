"""The arguments of `echorator memory`, and of commands that open a memory; imports nothing heavy, so that --help is quick."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

KINDS = ("episodic", "semantic", "procedural")
EMBEDDER_HELP = "hashed (nothing to download), minilm, or an embedding .gguf file [hashed]"


def data_home() -> Path:
    """Of this user's data: $XDG_DATA_HOME/echorator."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "echorator"


def data_folder() -> Path:
    """Of this user's memory: $XDG_DATA_HOME/echorator/memory."""
    return data_home() / "memory"


def cache_folder() -> Path:
    """What can be made again: $XDG_CACHE_HOME/echorator."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echorator"


def add_memory_options(parser: argparse._ActionsContainer) -> None:
    """Where the memory is and what makes its vectors."""
    where = "its folder, or redis://HOST:PORT/0 [~/.local/share/echorator/memory]"
    parser.add_argument("--memory", default="", metavar="DIR|URL", help=where)
    parser.add_argument("--embedder", default="hashed", metavar="NAME", help=EMBEDDER_HELP)


def _scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server", metavar="HOST:PORT", help="a running server with a memory [the `up` that runs, else the folder of --memory]"
    )
    add_memory_options(parser)
    parser.add_argument("--tenant", default="", metavar="NAME", help="[default]")
    parser.add_argument("--agent", default="", metavar="NAME", help="[default]")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="[table]")


def _user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="NAME", help="whose memory")
    parser.add_argument("--session", default="", metavar="NAME", help="of one conversation")


def _filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", action="append", default=[], choices=KINDS, help="only these; may be repeated")
    parser.add_argument("--speaker", metavar="NAME", help="only what this one said")
    parser.add_argument("--since", metavar="DATE", help="said at or after, such as 2026-11-21")
    parser.add_argument("--before", metavar="DATE", help="said before")


def add_memory_commands(parser: argparse.ArgumentParser) -> None:
    """The actions of `echorator memory`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str, user: bool = True) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        _scope(made)
        if user:
            _user(made)
        return made

    add = action("add", "remember texts")
    add.add_argument("texts", nargs="*", metavar="TEXT", help="without it: one a line from stdin")
    add.add_argument("--kind", action="append", default=[], choices=KINDS, help="[semantic for a fact, else episodic]")
    add.add_argument("--speaker", metavar="NAME", help="who said it")
    add.add_argument("--said", metavar="DATE", help="when [now]")
    add.add_argument("--importance", type=float, metavar="I", help="0..1 [estimated]")
    add.add_argument("--pinned", action="store_true", help="never forget it")

    search = action("search", "what is most relevant, with scores by signal")
    search.add_argument("query", nargs="+", metavar="QUERY")
    search.add_argument("-k", type=int, default=10, metavar="N", help="how many [10]")
    search.add_argument("--as-of", metavar="DATE", help="what held then [now]")
    search.add_argument("--all", action="store_true", help="what no longer holds too")
    _filter(search)

    listing = action("list", "memories in the order they came")
    listing.add_argument("--text", metavar="WORDS", help='that have all these words, a "phrase" or prefix*')
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="[100]")
    listing.add_argument("--all", action="store_true", help="archived ones too")
    _filter(listing)

    show = action("show", "one memory and its history")
    show.add_argument("id", type=int, metavar="ID")

    forget = action("forget", "erase memories for good")
    forget.add_argument("ids", nargs="*", type=int, metavar="ID")
    forget.add_argument("--everything", action="store_true", help="all of this user")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    _filter(forget)

    export = action("export", "write memories as JSON lines")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="[stdout]")
    export.add_argument("--embeddings", action="store_true", help="with their vectors")

    action("import", "read what export wrote; a damaged file changes nothing").add_argument(
        "file", type=Path, metavar="FILE", help="- is stdin"
    )

    consolidate = action("consolidate", "merge duplicates, summarise old talk, archive what has faded")
    consolidate.add_argument("--similarity", type=float, metavar="S", help="cosine from which two may be one [0.8]")
    consolidate.add_argument("--max-memories", type=int, metavar="N", help="archive the weakest above this number")
    consolidate.add_argument("--dry-run", action="store_true", help="only say what would be done")

    action("check", "verify the store and the indexes", user=False).add_argument(
        "--repair", action="store_true", help="rebuild what can be rebuilt"
    )
    action("stats", "who has how many memories", user=False)
    action("state", "what every stage of the memory knows now")
    action("patterns", "what recurs")
    action("goals", "replace the goals").add_argument("goals", nargs="*", metavar="GOAL", help="none: no goals")

    drawn = action("map", "draw the memory map")
    drawn.add_argument("-o", "--out", required=True, metavar="FILE", help=".svg, .html or .png")
    drawn.add_argument("--limit", type=int, default=5000, metavar="N", help="the latest so many [5000]")
