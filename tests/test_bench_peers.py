"""What a bench says where a peer did not print what it reads."""

from __future__ import annotations

import pytest

from bench.peers import PeerError, table_seconds

HEAD = "|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |\n"
ROW = "|     8 |     64 |    4 |    288 |    0.010 |  3200.00 |    0.500 |   512.00 |    0.510 |   564.71 |\n"


def test_the_last_row_has_the_time() -> None:
    assert table_seconds(HEAD + ROW, "", 0) == 0.51


@pytest.mark.parametrize(("text", "errors", "code"), [("", "", 0), (HEAD, "failed to load model\n", 1), (HEAD + "| 8 | 64 |\n", "", 0)])
def test_no_table_is_told_with_the_peers_last_words(text: str, errors: str, code: int) -> None:
    with pytest.raises(PeerError, match=f"llama-batched-bench ended with {code}") as caught:
        table_seconds(text, errors, code)
    assert (errors.strip() or text.strip() or "it said nothing").splitlines()[-1] in str(caught.value)
