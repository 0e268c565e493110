"""Where a conversation was last; what is no conversation; what is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.balancing.warm_keys import WarmKeys


def test_a_conversation_is_where_its_last_request_was() -> None:
    keys = WarmKeys()
    assert keys.where(1) is None
    for agent in ("a", "b"):
        keys.sent(1, agent)
        assert keys.where(1) is None, "while it runs, another request of the key is not the next turn of a conversation"
        keys.ended(1)
        assert keys.where(1) == agent


def test_a_request_without_a_key_is_nowhere() -> None:
    keys = WarmKeys()
    keys.sent(None, "a")
    keys.ended(None)
    assert keys.where(None) is None
    assert len(keys) == 0


def test_the_least_recently_used_keys_are_forgotten() -> None:
    keys = WarmKeys(2)
    for key in (1, 2, 1, 3):
        keys.sent(key, "a")
        keys.ended(key)
    assert [keys.where(key) for key in (1, 2, 3)] == ["a", None, "a"]
    keys.ended(2)  # it was forgotten while it ran
    assert keys.where(2) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc")), max_size=40))
def test_whatever_runs_ends(sent: list[tuple[int, str]]) -> None:
    keys = WarmKeys()
    for key, agent in sent:
        keys.sent(key, agent)
    for key, _ in reversed(sent):
        keys.ended(key)
    for key, agent in dict(sent).items():
        assert keys.where(key) == agent
