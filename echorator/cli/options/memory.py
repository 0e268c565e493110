"""The arguments of `echorator memory`, and of commands that open a memory; imports nothing heavy, so that --help is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Protocol

from echorator.cli.options.numbers import MOST_INT32, memory_id, whole
from echorator.cli.options.output import LISTS, RESULTS, add_output

KINDS = ("episodic", "semantic", "procedural")
ACTS = ("tells", "asks", "orders", "chats", "supposes", "quotes")
MEMORY_HELP = "folder of the memory, redis://HOST:PORT/0 or postgresql://HOST/DATABASE [~/.local/share/echorator/memory]"
NAMING = ("add", "search", "list", "show", "update", "stats", "graph", "watch")  # the actions whose results have ids or names
FORMATS = ("all", "texts", "mem0", "langgraph", "letta")
EMBEDDER_HELP = "model of the vectors: hashed (nothing to download), minilm, or an embedding .gguf file [hashed]"


def add_memory_options(parser: argparse._ActionsContainer, inherited: bool = False) -> None:
    """Add the options that say where the memory is, and what makes its vectors; `inherited` as in `options.output`."""
    absent = argparse.SUPPRESS
    parser.add_argument("--memory", default=absent if inherited else "", metavar="DIR|URL", help=MEMORY_HELP)
    parser.add_argument("--embedder", default=absent if inherited else "hashed", metavar="NAME", help=EMBEDDER_HELP)


def _scope(parser: argparse.ArgumentParser, inherited: bool, user: bool = True) -> None:
    """Add the options that say whose memory it is and where; they may stand before and after the action, which takes precedence."""
    absent = argparse.SUPPRESS if inherited else ""
    server: Any = parser.add_argument(
        "--server",
        default=absent,
        metavar="HOST:PORT",
        help="address of a server with a memory [the `up` that runs, else the folder of --memory]",
    )
    server.yields_to = ("memory",)
    add_memory_options(parser, inherited)
    parser.add_argument("--tenant", default=absent, metavar="NAME", help="tenant of the memory [default]")
    parser.add_argument("--agent", default=absent, metavar="NAME", help="agent of the memory [default]")
    if user:
        parser.add_argument("--user", default=absent, metavar="NAME", help="user whose memory it is")
        parser.add_argument("--session", default=absent, metavar="NAME", help="name of one conversation")


def _filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", action="append", default=[], choices=KINDS, help="only memories of this kind; may be repeated")
    parser.add_argument("--speaker", metavar="NAME", help="only what this speaker said")
    parser.add_argument("--since", metavar="DATE", help="only what was said on this date or later, such as 2026-11-21")
    parser.add_argument("--before", metavar="DATE", help="only what was said before this date")
    parser.add_argument("--act", action="append", default=[], choices=ACTS, help="only what does this; may be repeated")
    parser.add_argument("--source", action="append", default=[], metavar="NAME", help="only from this source; may be repeated")
    parser.add_argument("--category", action="append", default=[], metavar="LABEL", help="only with one of these labels; may be repeated")
    parser.add_argument(
        "--metadata", action="append", default=[], metavar="NAME=VALUE", help="only with this value in the metadata; may be repeated"
    )
    parser.add_argument("--where", metavar="JSON", help="a whole Filter of the API, with any, all and none, as its JSON")


class _Action(Protocol):
    """Adds an action with its help text; `user` says whether it takes --user."""

    def __call__(self, name: str, text: str, user: bool = True) -> argparse.ArgumentParser: ...


def add_memory_commands(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `echorator memory`."""
    _scope(parser, inherited=False)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str, user: bool = True) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        _scope(made, True, user)
        made.set_defaults(needs_user=user)
        if name not in ("export", "map"):  # they write a file
            add_output(made, LISTS if name in NAMING else RESULTS)
        return made

    _add_memories(action)
    _add_changes(action)
    _add_removal_and_files(action)
    _add_upkeep(action)


def _add_memories(action: _Action) -> None:
    """Add what writes and reads memories."""
    add = action("add", "remember texts")
    add.add_argument("texts", nargs="*", metavar="TEXT", help="texts to remember [the lines of stdin]")
    add.add_argument("--kind", action="append", default=[], choices=KINDS, help="kind of the memories [semantic for a fact, else episodic]")
    add.add_argument("--speaker", metavar="NAME", help="name of whoever said it")
    add.add_argument("--said", metavar="DATE", help="time at which it was said [now]")
    add.add_argument("--importance", type=float, metavar="I", help="importance, 0..1 [estimated]")
    add.add_argument("--pinned", action="store_true", help="never forget the memories")
    add.add_argument("--standing", action="store_true", help="put the memories into every context")
    add.add_argument("--metadata", action="append", default=[], metavar="NAME=VALUE", help="a value of your own; may be repeated")
    add.add_argument("--category", action="append", default=[], metavar="LABEL", help="a label; may be repeated")
    add.add_argument("--expires", metavar="DATE", help="time from which they are not recalled any more, and are erased [never]")

    search = action("search", "find the most relevant memories, with scores by signal")
    search.add_argument("query", nargs="+", metavar="QUERY")
    search.add_argument("-k", type=whole(1, 1000, "k"), default=10, metavar="N", help="number of memories [10]")
    search.add_argument("--as-of", metavar="DATE", help="date at which the memories held [now]")
    search.add_argument("--all", action="store_true", help="also find memories that no longer hold")
    _filter(search)

    listing = action("list", "list memories in the order they came")
    listing.add_argument("--text", metavar="WORDS", help='only memories with all these words, a "phrase" or prefix*')
    listing.add_argument("--limit", type=whole(1, MOST_INT32, "limit"), default=100, metavar="N", help="largest number of memories [100]")
    listing.add_argument("--all", action="store_true", help="also list archived memories")
    _filter(listing)

    show = action("show", "show one memory and its history")
    show.add_argument("id", type=memory_id, metavar="ID")

    profile = action("profile", "show what is known: the facts that hold, by subject and attribute")
    profile.add_argument("--subject", metavar="NAME", help='only of this subject; the user is "user"')
    profile.add_argument("--as-of", metavar="DATE", help="date at which the facts held [now]")
    _filter(profile)

    graph = action("graph", "show the names that memories have in common, and what connects them")
    graph.add_argument("--about", metavar="NAME", help="only this name and those it is connected with")
    graph.add_argument("--limit", type=whole(1, 5000, "limit"), default=200, metavar="N", help="largest number of names [200]")
    _filter(graph)


def _add_changes(action: _Action) -> None:
    """Add what changes one memory."""
    update = action("update", "change one memory; what is not named stays")
    update.add_argument("id", type=memory_id, metavar="ID")
    update.add_argument("--text", metavar="TEXT", help="another text; its facts and names are read anew")
    update.add_argument("--kind", choices=KINDS, help="another kind")
    update.add_argument("--importance", type=float, metavar="I", help="another importance, 0..1")
    for name, flags, texts in (
        ("pinned", ("--pin", "--unpin"), ("never forget it", "let it fade as others do")),
        ("standing", ("--standing", "--not-standing"), ("put it into every context", "recall it only where it is relevant")),
        ("archived", ("--archive", "--restore"), ("do not recall it any more", "recall it again")),
    ):
        either = update.add_mutually_exclusive_group()
        for value, flag, text in zip((True, False), flags, texts, strict=True):
            either.add_argument(flag, dest=name, action="store_const", const=value, help=text)
    update.add_argument("--valid-until", metavar="DATE", help="time until which it held; never: it holds")
    update.add_argument("--expires", metavar="DATE", help="time from which it is not recalled any more, and is erased; never: it stays")
    update.add_argument(
        "--metadata", action="append", default=[], metavar="NAME=VALUE", help="value to set, null to remove the name; may be repeated"
    )
    update.add_argument("--category", action="append", default=[], metavar="LABEL", help="label to give it; may be repeated")
    update.add_argument("--remove-category", action="append", default=[], metavar="LABEL", help="label to take from it; may be repeated")


def _add_removal_and_files(action: _Action) -> None:
    """Add what erases memories, and what writes them to a file or reads them from one."""
    forget = action("forget", "erase memories for good")
    forget.add_argument("ids", nargs="*", type=memory_id, metavar="ID")
    forget.add_argument("--everything", action="store_true", help="erase all memories of this user")
    forget.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _filter(forget)

    export = action("export", "write memories as JSON lines: all that is known, or texts with their labels")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="file to write [stdout]")
    export.add_argument("--embeddings", action="store_true", help="include the vectors")

    export.add_argument("--format", choices=FORMATS[:2], default="all", help="what is written [all]")

    adopt = action("import", "read what export, or another memory service, wrote; a damaged file changes nothing")
    adopt.add_argument("file", type=Path, metavar="FILE", help="file to read, - for stdin")
    adopt.add_argument("--format", choices=FORMATS, default="all", help="who wrote it; all is what export writes [all]")


def _add_upkeep(action: _Action) -> None:
    """Add what maintains a memory, and what shows its state."""
    consolidate = action("consolidate", "merge duplicates, summarise old talk, archive what has faded")
    consolidate.add_argument("--similarity", type=float, metavar="S", help="cosine from which two memories may be merged [0.8]")
    consolidate.add_argument(
        "--max-memories",
        type=whole(0, MOST_INT32, "max_memories"),
        metavar="N",
        help="number of memories above which the weakest are archived",
    )
    consolidate.add_argument("--dry-run", action="store_true", help="only say what would be done")

    action("check", "verify the store and the indexes", user=False).add_argument(
        "--repair", action="store_true", help="rebuild the indexes, and what else can be rebuilt"
    )
    action("stats", "count the memories of each user", user=False)
    action("state", "show the state of the memory and of its stages")
    action("patterns", "list the patterns that recur in the memories")
    goals = action("goals", "show the goals, or replace them")
    goals.add_argument("goals", nargs="*", metavar="GOAL", help="new goals, instead of the present ones")
    goals.add_argument("--clear", action="store_true", help="remove all goals")

    watch = action("watch", "print each change as it happens, after those that have been", user=False)
    watch.add_argument("--user", default=argparse.SUPPRESS, metavar="NAME", help="user whose memory it is [all of the tenant]")
    watch.add_argument("--after", metavar="CURSOR", help="begin after the change with this cursor, as --output json prints it")
    watch.add_argument("--new", action="store_true", help="leave out what has been")
    watch.add_argument("--post", metavar="URL", help="post each change there as JSON, until it has arrived, in place of printing it")
    watch.add_argument("--secret-file", type=Path, metavar="FILE", help="file with the secret by which posts are signed (HMAC-SHA256)")
    watch.add_argument("--cursor-file", type=Path, metavar="FILE", help="file that keeps how far the URL was told; begin after it")

    drawn = action("map", "draw the memory map")
    drawn.add_argument("file", nargs="?", type=Path, metavar="FILE", help="file to draw: .svg, .html or .png")
    drawn.add_argument("-o", "--out", type=Path, help=argparse.SUPPRESS)  # the form of before
    drawn.add_argument(
        "--limit", type=whole(1, 100_000, "limit"), default=5000, metavar="N", help="number of memories, the latest ones [5000]"
    )
