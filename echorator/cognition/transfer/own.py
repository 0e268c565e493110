"""Write and read namespaces as JSON lines: a header, one line for each memory, goal, turn, change and association, and a footer.

The footer counts the lines, so that a cut file is noticed. Import reads everything before it writes anything, and writes one batch: a
damaged file changes nothing. Every id in the file is the exporting store's; `learning.adopting` says what becomes of references.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from echorator import json_digits
from echorator.cognition.learning.adopting import Archive
from echorator.cognition.learning.labelling import categories_of, metadata_of
from echorator.cognition.learning.writing import check_text
from echorator.cognition.memory import Action, Change, Experience, Goal, Kind, Lifecycle, Memory
from echorator.cognition.reading.values import Act, Fact, FactType, fact_object, fact_of_object
from echorator.cognition.text import terms_of
from echorator.errors import InvalidRequestError
from echorator.ranged import within

FORMAT = "echorator-memory"
VERSION = 3  # 1 had at most one fact of each memory, in fields of the memory; 1 and 2 had memories only
MAX_IMPORT_BYTES = 1 << 30
_TEXTS = ("speaker", "session", "source", "key")
_TIMES = ("said_s", "created_s", "valid_from_s", "valid_to_s", "changed_s", "last_used_s", "expires_s")
_NUMBERS = (*_TIMES, "importance", "valence", "arousal")
_FLAGS = ("pinned", "standing")
_EXPERIENCE = ("session", "at_s", "user_text", "answer", "model", "recalled", "learned", "outcome", "feedback")
_CHANGE = ("at_s", "memory_id", "action", "detail")
_COUNTED = {"memories": "memories", "goals": "goals", "experiences": "experiences", "changes": "changes", "associations": "links"}
"""The names of the footer's numbers, and the fields of an archive that they count."""


def exported(archive: Archive, embedder: str, embeddings: bool) -> Iterator[bytes]:
    """Yield the lines of an export, each with its newline; vectors are written only where `embeddings` is set."""
    yield _line({"format": FORMAT, "version": VERSION, "embedder": embedder if embeddings else ""})
    for memory in archive.memories:
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
    for goal in archive.goals:
        yield _line({"goal": goal.text, "priority": goal.priority})
    for experience in archive.experiences:
        yield _line({"experience": {name: getattr(experience, name) for name in _EXPERIENCE}})
    for change in archive.changes:
        yield _line({"change": {name: getattr(change, name) for name in _CHANGE}})
    for link in archive.links:
        yield _line({"association": link})
    yield _line({"end": True} | {name: len(getattr(archive, field)) for name, field in _COUNTED.items()})


def plain(memories: Iterable[Memory]) -> Iterator[bytes]:
    """Yield a line for each memory with its text and what people want of it elsewhere; empty fields are left out."""
    for memory in memories:
        said = {
            "text": memory.text,
            "speaker": memory.speaker,
            "session": memory.session,
            "said_at_s": memory.said_s,
            "categories": memory.categories,
            "metadata": memory.metadata,
            "expires_at_s": memory.expires_s,
        }
        yield _line({name: value for name, value in said.items() if value})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def imported(lines: Iterable[bytes], embedder: str, dimension: int) -> Archive:
    """Return what a whole export has; a vector that is missing or of another embedder stays empty.

    Raises:
        InvalidRequestError: a line is damaged (its number is in the message) or the footer is missing; nothing may be imported then.
    """
    found: dict[str, list[Any]] = {name: [] for name in _COUNTED}
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
            if said.get("format") != FORMAT or said.get("version") not in (1, 2, VERSION):
                raise InvalidRequestError(f'line 1 must be {{"format":"{FORMAT}","version":{VERSION}}}; this is no export of Echorator')
            keep_vectors = said.get("embedder") == embedder
        elif ended:
            raise InvalidRequestError(f"{where} comes after the last line; nothing was imported")
        elif said.get("end") is True:
            for name, those in found.items():
                if said.get(name, 0) != len(those):
                    raise InvalidRequestError(
                        f"the file says it has {said.get(name, 0)} {name}, {len(those)} were read; nothing was imported"
                    )
            ended = True
        else:
            name, read = next(((name, read) for mark, (name, read) in _READERS.items() if mark in said), ("memories", _memory))
            try:
                found[name].append(read(said, where, dimension if keep_vectors else 0))
            except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
                raise InvalidRequestError(f"{where}: {type(error).__name__} {error}; nothing was imported") from error
    if not ended:
        raise InvalidRequestError("the file ends before its last line; it was cut, nothing was imported")
    return Archive(**{_COUNTED[name]: those for name, those in found.items()})


def _memory(said: dict[str, Any], where: str, dimension: int) -> Memory:
    text = check_text(str(said["text"]), f"{where}: text")
    values: dict[str, Any] = {name: str(said.get(name, "")) for name in _TEXTS}
    values |= {name: float(said.get(name, 0.0)) for name in _NUMBERS}
    values |= {name: bool(said.get(name, False)) for name in _FLAGS}
    memory = Memory(
        text=text,
        id=int(said["id"]),
        kind=Kind[str(said["kind"]).upper()],
        lifecycle=Lifecycle[str(said.get("lifecycle", "active")).upper()],
        uses=int(said.get("uses", 1)),
        entities=tuple(str(e) for e in said.get("entities", ())),
        act=Act(said.get("act", Act.TELLS)),
        facts=_facts(said),
        categories=categories_of(said.get("categories", ()), f"{where}: categories"),
        metadata=metadata_of(said.get("metadata", {}), f"{where}: metadata"),
        derived_from=tuple(map(int, said.get("derived_from", ()))),
        superseded_by=int(said.get("superseded_by", 0)),
        terms=terms_of(text, str(said.get("speaker", "")), float(said.get("said_s", 0.0))),
        **values,
    )
    if not all(np.isfinite(getattr(memory, name)) for name in _NUMBERS) or not 0 <= memory.importance <= 1 or memory.uses < 0:
        raise InvalidRequestError(f"{where}: a number is out of its range; nothing was imported")
    if dimension and "embedding" in said:
        vector = np.frombuffer(base64.b64decode(said["embedding"], validate=True), "<f4").astype(np.float32)
        if len(vector) != dimension or not np.isfinite(vector).all():
            raise InvalidRequestError(f"{where}: the embedding is damaged; nothing was imported")
        tokens = np.frombuffer(base64.b64decode(said.get("tokens", ""), validate=True), "<u8").astype(np.uint64)
        memory = replace(memory, embedding=vector, tokens=tokens)
    return memory


def _goal(said: dict[str, Any], where: str, _dimension: int) -> Goal:
    return Goal(check_text(str(said["goal"]), f"{where}: goal"), within(float(said.get("priority", 1.0)), 0, 1, f"{where}: priority"))


def _experience(said: dict[str, Any], where: str, _dimension: int) -> Experience:
    told = said["experience"]
    feedback = None if told.get("feedback") is None else within(float(told["feedback"]), -1, 1, f"{where}: feedback")
    session, user_text, answer, model = (str(told.get(name, "")) for name in ("session", "user_text", "answer", "model"))
    if any("\0" in text for text in (session, user_text, answer, model)):
        raise InvalidRequestError(f"{where} has a NUL character; nothing was imported")
    recalled, learned = (tuple(map(int, told.get(name, ()))) for name in ("recalled", "learned"))
    return Experience(session, _finite(told["at_s"]), user_text, answer, model, recalled, learned, int(told.get("outcome", 0)), feedback)


def _change(said: dict[str, Any], _where: str, _dimension: int) -> Change:
    told = said["change"]
    return Change(0, _finite(told["at_s"]), int(told["memory_id"]), Action(told["action"]), str(told.get("detail", "")))


def _association(said: dict[str, Any], where: str, _dimension: int) -> tuple[int, int, float]:
    a, b, weight = said["association"]
    return int(a), int(b), within(float(weight), 0, 1, f"{where}: the weight of an association")


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no time")
    return number


_READERS: dict[str, tuple[str, Callable[[dict[str, Any], str, int], Any]]] = {
    "goal": ("goals", _goal),
    "experience": ("experiences", _experience),
    "change": ("changes", _change),
    "association": ("associations", _association),
}
"""The field by which a line is known that is no memory's, with the name under which the footer counts it."""


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
