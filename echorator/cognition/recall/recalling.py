"""The parameters and the answer of a recall, and how a question for one stated fact changes the order. Pure; feeds `cognition`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from echorator._native.recall_index import SIGNALS
from echorator.cognition.memory import Filter, Memory, Vector
from echorator.cognition.reading.values import Act, Claim, Topic
from echorator.cognition.recall.affect import Affect
from echorator.cognition.settings import Weights
from echorator.errors import InvalidRequestError

EVERYTHING = Filter()
SURE = 0.97  # least confidence in a memory that states the fact asked for
TELLS_NOTHING, TELLS_LITTLE = 0.02, 0.5  # factors of the confidence in a short and in a longer memory that only asks
SHORT_WORDS, SHORT_CHARS = 8, 40  # a longer question often tells something of its asker
UNSURE = 0.1  # factor of the confidence in a memory that states another fact
NO_SIGNALS = np.zeros(len(SIGNALS), np.float32)
NEUTRAL = Affect()


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a namespace, and the conversation that a call belongs to."""

    tenant: str
    agent: str
    user: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory with its score by signal (shape (11,), in the order of `recall_index.SIGNALS`)."""

    memory: Memory
    score: float
    signals: npt.NDArray[np.float32]
    similarity: float
    coverage: float
    confidence: float
    fact: float = 0.0  # part of the score for stating the fact asked for
    fit: float = 0.0  # how well it fits the question, 0..1, as `confidence.fit_of` defines it


@dataclass(frozen=True, slots=True)
class Answer:
    """The memories of a recall, best first, and the seconds that embedding and search took."""

    memories: list[Recalled]
    embed_s: float
    search_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of one recall."""

    query: str
    k: int = 10
    filter: Filter = EVERYTHING
    as_of_s: float | None = None
    superseded: bool = False
    weights: Weights | None = None
    embedding: Vector | None = None
    now_s: float | None = None
    mood: Affect = NEUTRAL


def heard(recalled: Recalled) -> Recalled:
    """Return the memory with less confidence where it only asks, orders or chats: hardly any for a short one, for it tells nothing."""
    memory = recalled.memory
    if memory.facts or memory.pinned or memory.act not in (Act.ASKS, Act.ORDERS, Act.CHATS):
        return recalled
    short = len(memory.text.split()) < SHORT_WORDS and len(memory.text) < SHORT_CHARS
    return replace(recalled, confidence=recalled.confidence * (TELLS_NOTHING if short else TELLS_LITTLE))


def judged(recalled: Recalled, topic: Topic, weight: float, at_s: float) -> Recalled:
    """Return the memory judged by the topic asked for: stating what held at `at_s` adds `weight` and confidence, other facts lower it."""
    facts = recalled.memory.facts
    if any(fact.topic == topic and fact.claim is not Claim.PAST and not 0 < fact.to_s <= at_s for fact in facts):
        return replace(recalled, score=recalled.score + weight, fact=weight, confidence=max(recalled.confidence, SURE))
    return replace(recalled, confidence=recalled.confidence * (UNSURE if facts else 1.0))


def admits(asked: Asked, memory: Memory, now_s: float) -> bool:
    """Return whether the filter admits the memory, it has not expired by `now_s`, and it is valid at `as_of_s`, or else at `now_s`."""
    at_s = now_s if asked.as_of_s is None else asked.as_of_s
    valid = memory.valid_from_s <= at_s and (asked.superseded or not 0 < memory.valid_to_s <= at_s)
    return valid and not memory.expired(now_s) and asked.filter.admits(memory)


def unit(vector: Vector, dimension: int, where: str) -> Vector:
    """Return the vector scaled to length 1. Raises InvalidRequestError for another dimension, zeros, NaN or infinite numbers."""
    if len(vector) != dimension:
        raise InvalidRequestError(f"{where} has {len(vector)} numbers, this memory's vectors have {dimension}")
    if not np.isfinite(vector).all():
        raise InvalidRequestError(f"{where} has NaN or infinite numbers")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not length:
        raise InvalidRequestError(f"{where} is all zeros; leave it out to have it computed")
    return np.ascontiguousarray(vector / length, dtype=np.float32)
