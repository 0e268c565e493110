"""The grammar of calls: it accepts what the templates write, and refuses what the tools' schemas refuse."""

from __future__ import annotations

import pytest

from echorator._native.grammar_harness import Grammar
from echorator.prompting.dialects.call_grammar import Choice, Mode, call_grammar
from echorator.prompting.dialects.dialect import GENERIC, Dialect, Thoughts
from tests.prompting.dialects.turns import TOOLS, known, turn
from tests.prompting.sdist_templates import names

WITHOUT = {
    "LFM2-8B-A1B": "Python's form",
    "LFM2.5-8B-A1B": "Python's form",
    "LFM2.5-Instruct": "Python's form",
    "MiniMax-M3": "nested elements",
    "google-gemma-4-31B-it": "Gemma's form",
    "google-gemma-4-31B-it-interleaved": "Gemma's form",
}
PYTHON = "the template writes True, lists or objects as Python does; the grammar lets the model write JSON"
# What a template writes of calls, and the grammar does not let a model write.
REFUSED: dict[str | tuple[str, str], str] = {
    "ByteDance-Seed-OSS": PYTHON,
    "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": PYTHON,
    "Qwen3-Coder": PYTHON,
    "Qwen3.5-4B": PYTHON,
    "StepFun3.5-Flash": PYTHON,
    "openbmb-MiniCPM5-1B": PYTHON,
    "CohereForAI-c4ai-command-r-plus-tool_use": "the template indents the call",
    "Kimi-K3": "behind its calls the template closes the message, for which the grammar has the end of the answer",
    ("muse-glimmer", "two calls"): "the template writes a message for each call, the grammar one with all calls",
    ("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "call"): "the template leaves the section open",
}
HERMES = Dialect(Thoughts("<think>\n", "\n</think>"), GENERIC, "<|im_start|>assistant\n")
CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "x"}}\n</tool_call>'


@pytest.mark.parametrize("name", names())
def test_every_dialects_grammar_compiles(name: str) -> None:
    for mode in Mode:
        for parallel in (False, True):
            made = call_grammar(known(name).dialect, TOOLS, Choice(mode), parallel)
            assert (made is None) == (name in WITHOUT)
            if made is not None:
                assert Grammar(made.gbnf).states > 0


@pytest.mark.parametrize("parallel", [False, True])
def test_calls_and_thoughts(parallel: bool) -> None:
    auto = call_grammar(HERMES, TOOLS, Choice(), parallel)
    assert auto is not None
    assert auto.triggers == ("<tool_call>",)
    assert Grammar(auto.gbnf).accepts(CALL)
    assert Grammar(auto.gbnf).accepts(f"{CALL}\n{CALL}") == parallel
    assert not Grammar(auto.gbnf).accepts(CALL.replace("look", "leap"))
    assert not Grammar(auto.gbnf).accepts(CALL.replace('"x"', "3"))


def test_a_required_call_may_come_after_a_thought_and_names_an_allowed_tool() -> None:
    made = call_grammar(HERMES, TOOLS, Choice(Mode.REQUIRED, frozenset({"look"})), False)
    assert made is not None
    assert made.triggers == ()
    grammar = Grammar(made.gbnf)
    assert grammar.accepts(CALL)
    assert grammar.accepts(f"<think>\nWhere? a </thin b\n</think>\n\n{CALL}")
    assert not grammar.accepts(CALL.replace("look", "find_it"))
    assert not grammar.accepts("No.")
    opened = call_grammar(HERMES, TOOLS, Choice(Mode.REQUIRED), False, "<|im_start|>assistant\n<think>\n")
    assert opened is not None
    assert Grammar(opened.gbnf).accepts(f"Where?\n</think>\n\n{CALL}")
    assert not Grammar(opened.gbnf).accepts(CALL)


@pytest.mark.parametrize("name", names())
def test_calls_that_a_template_writes_are_accepted(name: str) -> None:
    for case in ("call", "two calls"):
        made = turn(name, case)
        grammar = call_grammar(known(name).dialect, TOOLS, Choice(), True)
        if made is None or grammar is None:
            continue
        text = made.answer[min(place for text in grammar.triggers if (place := made.answer.find(text)) >= 0) :].rstrip()
        refused = name in REFUSED or (name, case) in REFUSED
        assert Grammar(grammar.gbnf).accepts(text) == (not refused), text
