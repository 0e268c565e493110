"""Every template of the sdist: what it writes for an answer is read as what was said, however the answer is cut into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prompting.dialects.turns import CASES, begins, comparable, known, parsed, turn
from tests.prompting.sdist_templates import names, sdist_templates

OPEN_THOUGHT = "the template writes <think> before the content of every message, and only the content closes it"
MISSES = {
    ("NVIDIA-Nemotron-Nano-v2", "final answer"): OPEN_THOUGHT,
    ("NVIDIA-Nemotron-Nano-v2", "answer after result"): OPEN_THOUGHT,
    ("NVIDIA-Nemotron-Nano-v2", "call after text"): OPEN_THOUGHT,
    ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "call after text"): "the template moves the text behind the calls, into a further turn",
    ("openai-gpt-oss-120b", "call after text"): "the template writes a text before a call as a thought",
}


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("case", CASES)
def test_an_answer_is_read_as_what_was_said(name: str, case: str) -> None:
    made = turn(name, case)
    if made is None:  # the template refuses this message, or leaves a part of it out
        return
    got, wanted = comparable(parsed(known(name).dialect, made.opening, [made.answer])), comparable(made.deltas)
    # Some templates write the text behind the calls.
    right = len(got) == len(wanted) and all(delta in got for delta in wanted)
    assert right == ((name, case) not in MISSES), (made, got)


@pytest.mark.needs("templates of the sdist")
def test_at_most_one_case_in_twenty_is_missed() -> None:
    shown = [(name, case) for name in sdist_templates() for case in CASES if turn(name, case) is not None]
    assert len(shown) > 300
    assert len(MISSES) <= 0.05 * len(shown)


@pytest.mark.parametrize("name", names())
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_any_split_gives_the_same(name: str, data: st.DataObject) -> None:
    made = turn(name, data.draw(st.sampled_from(list(CASES))))
    if made is None:
        return
    dialect = known(name).dialect
    whole = parsed(dialect, made.opening, [made.answer])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(made.answer)), max_size=12)) | {0, len(made.answer)})
    assert parsed(dialect, made.opening, [made.answer[a:b] for a, b in pairwise(cuts)]) == whole
    assert parsed(dialect, made.opening, list(made.answer)) == whole


@pytest.mark.parametrize("name", names())
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_an_answer_that_is_cut_short_tells_no_marker(name: str, data: st.DataObject) -> None:
    """What is told of an answer that a limit or a stop text cuts anywhere is the beginning of what is told of the whole one."""
    made = turn(name, data.draw(st.sampled_from(list(CASES))))
    if made is None:
        return
    dialect, answer = known(name).dialect, made.answer[: data.draw(st.integers(0, len(made.answer) - 1))]
    whole = parsed(dialect, made.opening, [made.answer])
    assert begins(parsed(dialect, made.opening, [answer], cut=True), whole)
    assert parsed(dialect, made.opening, list(answer), cut=True) == parsed(dialect, made.opening, [answer], cut=True)


@pytest.mark.parametrize("name", names())
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_what_is_malformed_fails_in_no_chunking(name: str, data: st.DataObject) -> None:
    made = [answer for case in CASES if (answer := turn(name, case)) is not None]
    begin, end = data.draw(st.sampled_from(made)).answer, data.draw(st.sampled_from(made)).answer
    mixed = begin[: data.draw(st.integers(0, len(begin)))] + end[data.draw(st.integers(0, len(end))) :]
    dialect = known(name).dialect
    assert parsed(dialect, "", [mixed]) == parsed(dialect, "", list(mixed))
