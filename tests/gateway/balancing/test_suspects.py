"""Who is suspected of ending agents, who is convicted, and that honest requests are neither for long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.balancing.suspects import MOST_KNOWN, MOST_SUSPECTS, PoisonError, Standing, Suspects, digest_of

A, B = digest_of("/m/Chat", b"a"), digest_of("/m/Chat", b"b")


def fresh() -> Suspects:
    return Suspects(60.0, 300.0)


def test_a_digest_is_of_the_method_and_all_bytes() -> None:
    assert len({digest_of("/m/Chat", b"a"), digest_of("/m/Chat", b"b"), digest_of("/m/Generate", b"a")}) == 3
    assert digest_of("/m/Chat", b"a") == A


def test_a_second_end_with_the_same_request_convicts_it_and_only_it() -> None:
    suspects = fresh()
    assert suspects.died([A, B], 2, 0.0) == []
    assert [suspects.standing(d, 1.0) for d in (A, B)] == [Standing.SUSPECTED] * 2
    assert suspects.died([A], 1, 2.0) == [A]
    assert [suspects.standing(d, 3.0) for d in (A, B)] == [Standing.CONVICTED, Standing.SUSPECTED]
    with pytest.raises(PoisonError, match=r"2 agents ended .* refused for 299 s more"):
        suspects.check(A, 3.0)
    suspects.check(B, 3.0)
    suspects.answered(B, 4.0)
    assert suspects.standing(B, 4.0) is Standing.FREE
    assert suspects.convicted(3.0) == {A: 299.0}


def test_all_is_forgotten_after_a_while() -> None:
    suspects = fresh()
    suspects.died([A], 2, 0.0)
    assert suspects.standing(A, 59.0) is Standing.SUSPECTED
    assert suspects.standing(A, 60.0) is Standing.FREE
    suspects.died([B], 2, 100.0)
    suspects.died([B], 2, 110.0)
    assert suspects.standing(B, 409.0) is Standing.CONVICTED
    assert suspects.standing(B, 410.0) is Standing.FREE


def test_twenty_honest_requests_are_not_banned_by_one_end() -> None:
    suspects, honest = fresh(), [digest_of("/m/Chat", bytes([i])) for i in range(20)]
    assert suspects.died(honest, 1, 0.0) == []
    for digest in honest:
        suspects.check(digest, 1.0)
        suspects.answered(digest, 2.0)
    assert suspects.died(honest, 1, 3.0) == [], "another agent is lost: they were answered meanwhile"
    assert suspects.died(honest, 1, 4.0) == [], "and one more"
    assert all(suspects.standing(digest, 5.0) is Standing.SUSPECTED for digest in honest)


def test_where_only_one_agent_serves_the_model_company_is_no_reason_for_suspicion() -> None:
    suspects = fresh()
    suspects.died([A, B], 0, 0.0)
    assert suspects.standing(A, 1.0) is Standing.FREE
    suspects = fresh()
    suspects.died([A], 0, 0.0)
    assert suspects.standing(A, 1.0) is Standing.SUSPECTED, "it was there alone"


def test_one_that_was_answered_before_is_not_suspected_by_one_end() -> None:
    suspects = fresh()
    suspects.answered(A, 0.0)
    suspects.died([A], 1, 1.0)
    assert suspects.standing(A, 1.0) is Standing.FREE
    suspects.died([A], 1, 2.0)
    assert suspects.standing(A, 2.0) is Standing.SUSPECTED
    begun = fresh()
    begun.began(A, 0.0)
    assert begun.is_known(A, 1.0)
    begun.died([A], 1, 1.0)
    assert begun.standing(A, 1.0) is Standing.SUSPECTED, "an answer that only began proves nothing"


def test_what_another_gateway_convicted_is_refused_here_too() -> None:
    suspects = fresh()
    suspects.convict(A, 100.0, 0.0)
    assert suspects.standing(A, 99.0) is Standing.CONVICTED
    suspects.answered(A, 99.0)
    assert suspects.standing(A, 99.5) is Standing.CONVICTED, "an answer on its way when it was convicted acquits nobody"
    assert suspects.standing(A, 100.0) is Standing.FREE


def test_the_tables_are_bounded_and_convictions_stay_longest() -> None:
    suspects = fresh()
    suspects.died([A], 1, 0.0)
    suspects.died([A], 1, 0.0)
    for i in range(MOST_SUSPECTS + 100):
        suspects.died([digest_of("/m/Chat", str(i).encode())], 1, 1.0)
    assert len(suspects) == MOST_SUSPECTS
    assert suspects.standing(A, 1.0) is Standing.CONVICTED
    for i in range(MOST_KNOWN + 100):
        suspects.answered(digest_of("/m/Chat", str(i).encode()), 2.0)
    assert not suspects.is_known(digest_of("/m/Chat", b"0"), 2.0)
    assert suspects.is_known(digest_of("/m/Chat", str(MOST_KNOWN + 99).encode()), 2.0)


EVENTS = st.lists(
    st.tuples(st.sampled_from(("died", "answered", "began", "wait")), st.sets(st.integers(0, 4), min_size=1), st.integers(0, 2))
)


@given(EVENTS)
def test_any_order_of_events(events: list[tuple[str, set[int], int]]) -> None:
    """Convicted is exactly who was on two agents that ended without an answer between them, one that was answered before on three."""
    suspects, now_s = fresh(), 0.0
    deaths: dict[int, int] = dict.fromkeys(range(5), 0)  # -1: an answer is to its credit
    for kind, who, others in events:
        digests = {i: digest_of("/m/Chat", bytes([i])) for i in who}
        now_s += 0.01
        if kind == "died":
            expected = [digests[i] for i in who if deaths[i] == 1]
            assert sorted(suspects.died(digests.values(), others, now_s)) == sorted(expected)
            for i in who:
                deaths[i] += 1
        elif kind == "answered":
            for i in who:
                suspects.answered(digests[i], now_s)
                deaths[i] = -1 if deaths[i] < 2 else deaths[i]
        elif kind == "began":
            for i in who:
                suspects.began(digests[i], now_s)
        for i in range(5):
            standing = suspects.standing(digest_of("/m/Chat", bytes([i])), now_s)
            assert (standing is Standing.CONVICTED) == (deaths[i] > 1)
            assert standing is not Standing.SUSPECTED or deaths[i] == 1
