"""`echorator models suggest`: what fits is suggested, the largest first, and every suggestion is a source that `pull` takes."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.host.suggested_models import CHAT, CODE, EMBEDDINGS, SUGGESTIONS, fitting
from echorator.model_files.reference import Registry, parse
from tests.support.commands import COMMAND, in_process


@pytest.mark.parametrize("source", [each.source for each in SUGGESTIONS])
def test_a_suggestion_can_be_pulled(source: str) -> None:
    reference = parse(source)
    assert isinstance(reference, Registry)
    assert reference.path.startswith("library/")


def test_each_is_named_once_and_each_purpose_has_some() -> None:
    assert len({each.source for each in SUGGESTIONS}) == len(SUGGESTIONS)
    assert {each.purpose for each in SUGGESTIONS} == {CHAT, CODE, EMBEDDINGS}


@given(st.integers(0, 64 << 30), st.sampled_from(["", CHAT, CODE, EMBEDDINGS]))
def test_what_fits_is_listed_and_nothing_else(free_bytes: int, purpose: str) -> None:
    found = fitting(free_bytes, purpose)
    expected = {each.source for each in SUGGESTIONS if each.needs_bytes <= free_bytes and purpose in ("", each.purpose)}
    assert {each.source for each in found} == expected
    for before, after in pairwise(found):
        assert before.purpose != after.purpose or before.size_gb >= after.size_gb


def test_the_command_says_what_fits_here() -> None:
    everything = json.loads(in_process(COMMAND, "models", "suggest", "--all", "-o", "json").stdout)["models"]
    assert len(everything) == len(SUGGESTIONS)
    only = in_process(COMMAND, "models", "suggest", "--all", "--for", "embeddings", "-o", "name").stdout.split()
    assert only == [each.source for each in SUGGESTIONS if each.purpose == EMBEDDINGS]
