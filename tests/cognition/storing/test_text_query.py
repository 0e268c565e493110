"""Memories are listed by the words of their texts, in every script and alike in all stores."""

from __future__ import annotations

import pytest

from echorator.cognition.memory import Batch, Filter
from echorator.cognition.storing.store import Store
from echorator.errors import InvalidRequestError
from tests.cognition.storing.memories import memory
from tests.cognition.storing.stores import STORES

TEXTS = [
    "The red fox runs.",
    "A fox, red and quick",
    "Unrelated caf\u00e9 in the north",
    "我住在上海浦东。",
    "我的iPhone坏了",
    "私は京都のホテルに住んでいます。",
    "ﾎﾃﾙ is half as wide",
    "저는 부산에서 살아요",
    "ฉันอาศัยอยู่ที่เชียงใหม่",
    "ខ្ញុំរស់នៅភ្នំពេញ",
    "मैं दिल्ली में रहता हूँ",
    "Я живу в Москве",
]
FOUND: dict[str, list[int]] = {
    "red fox": [0, 1],
    '"red fox"': [0],
    "fox run": [0],
    "run*": [0],
    "cafe": [2],
    "the": [0, 2],
    "上海": [3],
    "浦东": [3],
    "北京": [],
    "手机": [],
    "iphone": [4],
    "iPhone坏": [4],
    "我": [3, 4],
    "我 上海": [3],
    '"住在上海"': [3],
    "上海*": [3],
    "京都": [5],
    "ホテル": [5, 6],
    "부산": [7],
    "เชียงใหม่": [8],
    "ភ្នំពេញ": [9],
    "दिल्ली": [10],
    "москве": [11],
    "nothing": [],
}


@pytest.mark.parametrize("place", STORES, indirect=True)
def test_words_of_every_script_are_found(store: Store) -> None:
    space, other = (store.namespace("t", "a", user, create=True) for user in ("u", "v"))
    assert space is not None
    assert other is not None
    ids = (
        store.write(space, Batch(add=tuple(memory(text, speaker="Ann" if i % 2 else "王伟") for i, text in enumerate(TEXTS))), 1.0)
        .result()
        .ids
    )
    store.write(other, Batch(add=tuple(memory(text) for text in TEXTS)), 1.0).result()

    def found(text: str, filter_: Filter = Filter(), after: int = 0, limit: int = 100) -> list[int]:  # noqa: B008  it is frozen
        return [ids.index(m.id) for m in store.page(space, filter_, text, None, after, limit)]

    assert {query: found(query) for query in FOUND} == FOUND
    assert found("ann fox") == [1]
    assert found("我", Filter(speaker="Ann")) == [3]
    assert found("我", after=ids[3]) == [4]
    assert found("我", limit=1) == [3]
    assert found("我") + found("fox") == [3, 4, 0, 1]
    for broken in ('"open', '"上海', "*", " *上海"):
        with pytest.raises(InvalidRequestError, match="text:"):
            found(broken)
