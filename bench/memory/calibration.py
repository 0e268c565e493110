"""Fits the curve of confidence that ships, on generated facts and questions; no data set is used.

    python -m bench.memory.calibration [--embedder hashed]

2,300 facts of echo-nano's generator are remembered and 600 of them asked for; of the first 10 recalled memories the one that states the
fact is relevant. Prints the isotonic curve (fit -> probability), thinned, for `echorator/cognition/recall/confidence.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

import numpy as np

from bench.echo_nano import corpus
from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.confidence import expected_calibration_error, fit
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings, Weights
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.host.opened_memory import embedder_of

OWNER = Owner("bench", "calibration", "user")
FACTS, ASKED, SEED = 2300, 600, 5


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="hashed")
    arguments = parser.parse_args()
    rng = random.Random(SEED)
    facts = corpus.facts(rng, FACTS)
    rows: list[tuple[float, bool]] = []
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(SqliteStore(Path(folder)), await embedder_of(arguments.embedder), CognitionSettings(), None)
        for start in range(0, FACTS, 500):
            await cognition.remember(OWNER, [Told(f.said) for f in facts[start : start + 500]])
        for fact in facts[:ASKED] + corpus.facts(random.Random(SEED + 1), ASKED // 3):  # the last ones were never told
            answer = await cognition.recall(OWNER, Asked(fact.asked, 10, weights=Weights(fact=0.0)))
            rows += [(r.fit, r.memory.text == fact.said) for r in answer.memories]
        await cognition.close()
    table = np.array(rows, np.float64)
    curve = fit(table[:, 0], table[:, 1])
    for score, confidence in zip(curve.scores, curve.confidences, strict=True):
        print(f"{score:.3f} {confidence:.3f}")
    print(f"{len(table)} pairs, expected calibration error {expected_calibration_error(curve.confidence(table[:, 0]), table[:, 1]):.3f}")


if __name__ == "__main__":
    asyncio.run(main())
