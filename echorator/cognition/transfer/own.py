"""Write and read memories as JSON lines: a header, one line per memory, and a footer that counts them, so that a cut file is noticed.

Import reads everything before it writes anything, and writes one batch: a damaged file changes nothing. A memory's id is the
exporting store's; a reference to it (`derived_from`, `superseded_by`) is kept by the key "import:<id>" that an unkeyed memory gets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from echorator import json_digits
from echorator.cognition.learning.writing import check_text
from echorator.cognition.memory import Kind, Lifecycle, Memory
from echorator.cognition.reading.values import Act, Fact, FactType, fact_object, fact_of_object
from echorator.cognition.text import terms_of
from echorator.errors import InvalidRequestError

FORMAT = "echorator-memory"
VERSION = 2  # 1 had at most one fact of each memory, in fields of the memory
MAX_IMPORT_BYTES = 1 << 30
_TEXTS = ("speaker", "session", "source", "key")
_TIMES = ("said_s", "created_s", "valid_from_s", "valid_to_s", "changed_s", "last_used_s", "expires_s")
_NUMBERS = (*_TIMES, "importance", "valence", "arousal")
_FLAGS = ("pinned", "standing")


def exported(memories: Iterable[Memory], embedder: str, embeddings: bool) -> Iterator[bytes]:
    """Yield the lines of an export, each with its newline; vectors are written only where `embeddings` is set."""
    yield _line({"format": FORMAT, "version": VERSION, "embedder": embedder if embeddings else ""})
    count = 0
    for memory in memories:
        said: dict[str, Any] = {"id": memory.id, "text": memory.text, "kind": memory.kind.name.lower()}
        said |= {name: getattr(memory, name) for name in (*_TEXTS, *_NUMBERS, *_FLAGS)}
        said |= {"lifecycle": memory.lifecycle.name.lower(), "uses": memory.uses, "entities": memory.entities}
        said |= {"act": memory.act, "facts": [fact_object(fact) for fact in memory.facts]}
        said |= {"categories": memory.categories, "metadata": memory.metadata}
        said |= {"derived_from": memory.derived_from, "superseded_by": memory.superseded_by}
        if embeddings and len(memory.embedding):
            said["embedding"] = base64.b64encode(memory.embedding.astype("<f4").tobytes()).decode()
            said["tokens"] = base64.b64encode(memory.tokens.astype("<u8").tobytes()).decode()
        yield _line(said)
        count += 1
    yield _line({"end": True, "memories": count})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def imported(lines: Iterable[bytes], embedder: str, dimension: int) -> list[Memory]:
    """Return the memories of a whole export; a vector that is missing or of another embedder stays empty.

    Raises:
        InvalidRequestError: a line is damaged (its number is in the message) or the footer is missing; nothing may be imported then.
    """
    memories: list[Memory] = []
    keep_vectors = False
    ended = False
    for number, line in enumerate(lines, 1):
        where = f"line {number}"
        try:
            said = json_digits.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError(f"{where} is no JSON ({error}); nothing was imported") from error
        if not isinstance(said, dict):
            raise InvalidRequestError(f"{where} is no JSON object; nothing was imported")
        if number == 1:
            if said.get("format") != FORMAT or said.get("version") not in (1, VERSION):
                raise InvalidRequestError(f'line 1 must be {{"format":"{FORMAT}","version":{VERSION}}}; this is no export of Echorator')
            keep_vectors = said.get("embedder") == embedder
        elif ended:
            raise InvalidRequestError(f"{where} comes after the last line; nothing was imported")
        elif said.get("end") is True:
            if said.get("memories") != len(memories):
                raise InvalidRequestError(
                    f"the file says it has {said.get('memories')} memories, {len(memories)} were read; nothing was imported"
                )
            ended = True
        else:
            memories.append(_memory(said, where, dimension if keep_vectors else 0))
    if not ended:
        raise InvalidRequestError("the file ends before its last line; it was cut, nothing was imported")
    return memories


def _memory(said: dict[str, Any], where: str, dimension: int) -> Memory:
    try:
        text = check_text(str(said["text"]), f"{where}: text")
        values: dict[str, Any] = {name: str(said.get(name, "")) for name in _TEXTS}
        values |= {name: float(said.get(name, 0.0)) for name in _NUMBERS}
        values |= {name: bool(said.get(name, False)) for name in _FLAGS}
        memory = Memory(
            text=text,
            kind=Kind[str(said["kind"]).upper()],
            lifecycle=Lifecycle[str(said.get("lifecycle", "active")).upper()],
            uses=int(said.get("uses", 1)),
            entities=tuple(str(e) for e in said.get("entities", ())),
            act=Act(said.get("act", Act.TELLS)),
            facts=_facts(said),
            categories=tuple(str(c) for c in said.get("categories", ())),
            metadata={str(k): v for k, v in said.get("metadata", {}).items() if isinstance(v, str | float | int | bool)},
            **values,
        )
        if not all(np.isfinite(getattr(memory, name)) for name in _NUMBERS) or not 0 <= memory.importance <= 1 or memory.uses < 0:
            raise InvalidRequestError(f"{where}: a number is out of its range; nothing was imported")
        memory = replace(
            memory,
            key=memory.key or f"import:{int(said['id'])}",
            terms=terms_of(text, memory.speaker, memory.said_s),
        )
        if dimension and "embedding" in said:
            vector = np.frombuffer(base64.b64decode(said["embedding"], validate=True), "<f4").astype(np.float32)
            if len(vector) != dimension or not np.isfinite(vector).all():
                raise InvalidRequestError(f"{where}: the embedding is damaged; nothing was imported")
            tokens = np.frombuffer(base64.b64decode(said.get("tokens", ""), validate=True), "<u8").astype(np.uint64)
            memory = replace(memory, embedding=vector, tokens=tokens)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise InvalidRequestError(f"{where}: {type(error).__name__} {error}; nothing was imported") from error
    return memory


def _facts(said: dict[str, Any]) -> tuple[Fact, ...]:
    if said.get("attribute"):  # version 1
        type_ = FactType.SINGLE if said.get("exclusive") else FactType.MANY
        return (Fact(str(said["subject"]), str(said["attribute"]), str(said["value"]), type_, to_s=float(said.get("valid_to_s", 0.0))),)
    return tuple(map(fact_of_object, said.get("facts", ())))


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of chunks that may be cut anywhere; a last line without its newline counts too, blank lines do not."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest
