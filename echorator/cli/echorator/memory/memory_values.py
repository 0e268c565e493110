"""Reads values of `echorator memory`'s options: dates, metadata, and filters. Raises CommandError for what is none."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.struct_pb2 import Struct, Value

from echorator.host.exits import CommandError, Exit
from echorator.rpc.v1 import cognition_pb2 as pb

KINDS = {"episodic": pb.KIND_EPISODIC, "semantic": pb.KIND_SEMANTIC, "procedural": pb.KIND_PROCEDURAL}
ACTS = {
    "tells": pb.ACT_TELLS,
    "asks": pb.ACT_ASKS,
    "orders": pb.ACT_ORDERS,
    "chats": pb.ACT_CHATS,
    "supposes": pb.ACT_SUPPOSES,
    "quotes": pb.ACT_QUOTES,
}


def time_of(text: str) -> float:
    """Convert an ISO date or time to seconds since 1970, as UTC if it names no zone. Raises CommandError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no date; write 2026-11-21 or 2026-11-21T18:30", Exit.USAGE) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def end_of(text: str) -> float:
    """Convert an ISO date or time as `time_of` does, and "never" to 0. Raises CommandError."""
    return 0.0 if text == "never" else time_of(text)


def pairs_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return the values of texts NAME=VALUE by name: the number, truth value, null or "text" that VALUE is as JSON, else VALUE as a text.

    Raises CommandError for a text without an equals sign.
    """
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise CommandError(f"--metadata {text!r}: write NAME=VALUE", Exit.USAGE)
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        pairs[name] = read if read is None or isinstance(read, str | int | float | bool) else value
    return pairs


def struct_of(texts: Sequence[str]) -> Struct:
    """Return the structure of texts NAME=VALUE, see `pairs_of`."""
    return ParseDict(pairs_of(texts), Struct())


def filter_of(arguments: argparse.Namespace) -> pb.Filter:
    """Return the filter of the options that `options.memory` adds. Raises CommandError."""
    chosen = pb.Filter(session=arguments.session, speaker=arguments.speaker or "", kinds=[KINDS[k] for k in arguments.kind])
    if arguments.since:
        chosen.since_s = time_of(arguments.since)
    if arguments.before:
        chosen.before_s = time_of(arguments.before)
    chosen.categories.extend(arguments.category)
    chosen.sources.extend(arguments.source)
    chosen.acts.extend(ACTS[act] for act in arguments.act)
    for name, value in pairs_of(arguments.metadata).items():
        chosen.metadata.append(pb.MetadataCondition(name=name, equals=ParseDict(value, Value())))
    if arguments.where:
        try:
            chosen.all.append(ParseDict(json.loads(arguments.where), pb.Filter()))
        except (ValueError, ParseError, RecursionError) as error:
            raise CommandError(f"--where is no filter: {str(error).splitlines()[0]}", Exit.USAGE) from error
    return chosen
