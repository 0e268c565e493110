"""Counts the cases: `python -m tests.gateway.http.peer_cases.counting` prints how many are answered as llama-server answers them.

`test_cases` shows that each of them is answered so. The 174 requests that are counted are those of llama-server's own tests that were
listed when they were first tried, of which 53 were then answered; further ones are tried and not counted.
"""

from __future__ import annotations

from tests.gateway.http.peer_cases.chat_cases import CHAT_CASES
from tests.gateway.http.peer_cases.other_cases import OTHER_CASES
from tests.gateway.http.peer_cases.unserved import UNSERVED

CASES = [*CHAT_CASES, *OTHER_CASES]
IN_STEPS = ("logit_bias (needs /tokenize for token ids)", "cancel_request")  # cases of several requests, each a test of its own


def counted() -> tuple[int, int]:
    """Return how many of the listed requests are answered as llama-server answers them, and how many are listed."""
    served = sum(not case.further for case in CASES) + len(IN_STEPS)
    return served, served + len(UNSERVED)


if __name__ == "__main__":
    answered, listed = counted()
    print(f"{answered} of the {listed} requests are answered as llama-server answers them; the others:")
    for case in UNSERVED:
        print(f"  {case.name}: {case.reason}")
