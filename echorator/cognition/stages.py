"""How often each stage of the pipeline ran and how long it took, for `GetState` and the metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# name -> summary, in the order of the pipeline
STAGES: dict[str, str] = {
    "contextualise": "speaker, time, facts, entities and references of a turn",
    "embed": "texts to vectors",
    "colour": "valence and arousal, mood carried over turns",
    "recall": "dense and lexical evidence, spreading activation, recency, importance, affect, goals",
    "context": "memories packed into a budget of tokens",
    "store": "durable writes",
    "coherence": "facts that supersede earlier ones",
    "resonance": "reservoir over the turns of a session",
    "patterns": "prototypes of what recurs",
    "map": "two stable dimensions",
    "calibrate": "confidence fitted to feedback",
    "consolidate": "duplicates merged, clusters summarised",
    "forget": "faded memories archived, old ones purged",
}


@dataclass(slots=True)
class Run:
    """The counters of one stage: how often it ran, and for how many seconds."""

    runs: int = 0
    total_s: float = 0.0


class Stages:
    """The counters of all stages; any thread may raise them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_name = {name: Run() for name in STAGES}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count a run of the stage `name` and the time that the body of the `with` block takes."""
        begin_s = time.perf_counter()
        try:
            yield
        finally:
            elapsed_s = time.perf_counter() - begin_s
            with self._lock:
                run = self.by_name[name]
                run.runs += 1
                run.total_s += elapsed_s
