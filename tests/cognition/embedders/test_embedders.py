"""The embedder that ships, and what a change of the embedder does to a memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Goal
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.upkeep.checking import check
from tests.support.waiting import eventually

OWNER = Owner("t", "a", "u")


@given(st.text(max_size=300))
def test_a_vector_has_length_one_or_is_zero(text: str) -> None:
    length = float(np.linalg.norm(HashedEmbedder(64).vector(text)))
    assert length == pytest.approx(1.0, abs=1e-5) or length == 0.0


def test_spelling_makes_texts_near() -> None:
    embedder = HashedEmbedder()

    def cosine(a: str, b: str) -> float:
        return float(embedder.vector(a) @ embedder.vector(b))

    assert cosine("My dog is called Pixel.", "What is my dog called?") > cosine("My dog is called Pixel.", "The deadline is Monday.") + 0.3
    assert cosine("gardening", "gardener") > cosine("gardening", "bicycle") + 0.2
    assert cosine("the same words", "THE SAME WORDS!") == pytest.approx(1.0, abs=1e-5)


def test_vectors_are_the_same_in_every_process() -> None:
    text = "a caf\u00e9 at 10:30"
    script = f"from echorator.cognition.embedders.hashed import HashedEmbedder as H; print(H(32).vector({text!r}).tolist())"
    for seed in ("1", "2"):
        command, root = (sys.executable, "-c", script), Path(__file__).parents[3]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}, timeout=60, cwd=root)
        assert done.stdout == f"{HashedEmbedder(32).vector(text).tolist()}\n"


async def opened(folder: Path, dimension: int) -> CognitionApi:
    return CognitionApi(await Cognition.open(SqliteStore(folder), HashedEmbedder(dimension), CognitionSettings(), folder))


@pytest.mark.asyncio(loop_scope="session")
async def test_another_embedder_embeds_anew_while_recall_goes_on(tmp_path: Path) -> None:
    api = await opened(tmp_path, 64)
    for start in range(0, 300, 100):
        await api.cognition.remember(OWNER, [Told(f"The thing{i} is blue.") for i in range(start, start + 100)])
    await api.cognition.set_goals(OWNER, [Goal("find thing7")])
    await api.close()

    api = await opened(tmp_path, 96)
    answer = await api.cognition.recall(OWNER, Asked("thing123", 1))
    assert [r.memory.text for r in answer.memories] == ["The thing123 is blue."]  # by its words, at once
    space = await api.cognition.existing(OWNER)

    async def done() -> bool:
        return api.cognition.store.counts(space.namespace, api.cognition.embedder_id).stale_vectors == 0 and space.goal_rows is not None

    await eventually(done, "every memory and goal has a vector of the new embedder")
    answer = await api.cognition.recall(OWNER, Asked("thing123", 1))
    assert answer.memories[0].similarity > 0.3
    assert (await check(api.cognition, repair=False))[0] == []
    await api.close()
