"""The names by which requests choose a model, and an adapter of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.model_names import aliases_of, no_adapter, parts_of

WORDS = st.text("ab:", max_size=6)


@pytest.mark.parametrize(
    ("name", "models", "expected"),
    [
        ("phi", {"phi"}, ("phi", "")),
        ("phi:style", {"phi"}, ("phi", "style")),
        ("phi:style", {"phi", "phi:style"}, ("phi:style", "")),
        ("phi:q4:style", {"phi", "phi:q4"}, ("phi:q4", "style")),
        ("phi:q4:style", {"phi"}, ("phi:q4:style", "")),
        ("phi:", {"phi"}, ("phi:", "")),
        (":style", {"phi"}, (":style", "")),
        ("", {"phi"}, ("", "")),
        ("psi:style", {"phi"}, ("psi:style", "")),
    ],
)
def test_a_name_is_read(name: str, models: set[str], expected: tuple[str, str]) -> None:
    assert parts_of(name, models) == expected


@given(name=WORDS, models=st.sets(WORDS.filter(bool), max_size=4))
def test_nothing_of_a_name_is_lost_and_a_whole_name_wins(name: str, models: set[str]) -> None:
    model, adapter = parts_of(name, models)
    assert name == (f"{model}:{adapter}" if adapter else model)
    assert ":" not in adapter
    assert model in models or not adapter
    if name in models:
        assert (model, adapter) == (name, "")


@given(model=st.text("ab:/", min_size=1), adapter=st.text("ab._-", min_size=1))
def test_an_alias_means_its_model_and_adapter(model: str, adapter: str) -> None:
    (alias,) = aliases_of(model, [adapter])
    assert parts_of(alias, {model}) == (model, adapter)


def test_an_error_lists_what_there_is() -> None:
    assert no_adapter("phi", "x", ["a", "b"]) == "no adapter 'x' is loaded for the model 'phi'; its adapters: a, b"
    assert no_adapter("phi", "x", []).endswith("it has none that a request may name")
    assert len(no_adapter("m" * 1000, "x" * 1000, [])) < 300
