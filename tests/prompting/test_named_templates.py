"""The templates that this package brings: each shows a whole conversation, and ChatML tools too."""

from __future__ import annotations

from typing import Any

import pytest

from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.named_templates import STOPS, TEMPLATES, default_name, source_of
from echorator.prompting.template_needs import TemplateProbe

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello!"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "Bye!"},
]
# The prompts as the models' makers publish them.
PROMPTS = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n"
    "<|im_start|>user\nBye!<|im_end|>\n<|im_start|>assistant\n",
    "llama2": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello! [/INST] Hi. </s><s>[INST] Bye! [/INST]",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHello!<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHi.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye!<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s>[INST] Be brief.\n\nHello![/INST] Hi.</s>[INST] Bye![/INST]",
    "gemma": "<s><start_of_turn>user\nBe brief.\n\nHello!<end_of_turn>\n<start_of_turn>model\nHi.<end_of_turn>\n<start_of_turn>user\nBye!"
    "<end_of_turn>\n<start_of_turn>model\n",
    "phi3": "<|system|>\nBe brief.<|end|>\n<|user|>\nHello!<|end|>\n<|assistant|>\nHi.<|end|>\n<|user|>\nBye!<|end|>\n<|assistant|>\n",
    "zephyr": "<|system|>\nBe brief.</s>\n<|user|>\nHello!</s>\n<|assistant|>\nHi.</s>\n<|user|>\nBye!</s>\n<|assistant|>\n",
    "vicuna": "<s>Be brief.\n\nUSER: Hello!\nASSISTANT: Hi.</s>\nUSER: Bye!\nASSISTANT:",
    "alpaca": "Be brief.\n\n### Instruction:\nHello!\n\n### Response:\nHi.\n\n### Instruction:\nBye!\n\n### Response:\n",
    "plain": "Be brief.\n\nUser: Hello!\nAssistant: Hi.\nUser: Bye!\nAssistant:",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_conversation(name: str) -> None:
    assert ChatTemplate(source_of(name), "<s>", "</s>").render(TURNS, {}) == PROMPTS[name]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_stop_text_begins_the_turn_of_a_user(name: str) -> None:
    """Where a turn ends with a text of its own, the model's token ends the answer."""
    said, further = PROMPTS[name].split("Hi.")[1], STOPS.get(name, ())
    ended = any(said.startswith(text) for text in ("<|im_end|>", " </s>", "</s>", "<|eot_id|>", "<end_of_turn>", "<|end|>"))
    assert ended or any(text in said for text in further)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", TEMPLATES)
async def test_what_is_not_shown_is_known(name: str) -> None:
    """So a conversation with tools is refused, and no part of it is left out without a word."""
    template = ChatTemplate(source_of(name), "<s>", "</s>")

    async def render(messages: Any, arguments: Any, opening: bool) -> str:
        return template.render(messages, arguments, opening)

    probe = TemplateProbe(render)
    assert (await probe.plain()).known
    assert (await probe.with_tools() is not None) is (name == "chatml")
    form = await probe.calls()
    assert (form is not None) is (name == "chatml")
    assert form is None or (form.parallel and not form.text_arguments)


def test_tools_of_chatml() -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    calls = [{"id": i, "type": "function", "function": {"name": "look", "arguments": {"at": i}}} for i in ("a", "b")]
    messages: list[dict[str, Any]] = [
        *TURNS[:2],
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "x"},
        {"role": "tool", "content": "y"},
    ]
    prompt = ChatTemplate(source_of("chatml"), "", "").render(messages, {"tools": tools})
    assert prompt.startswith("<|im_start|>system\nBe brief.\n\nYou may call functions")
    assert prompt.count("Be brief.") == 1
    assert '<tools>\n{"type": "function", "function": {"name": "look", "parameters": {}}}\n</tools>' in prompt
    assert prompt.endswith(
        '<|im_start|>assistant\n<tool_call>\n{"name": "look", "arguments": {"at": "a"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "look", "arguments": {"at": "b"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\nx\n</tool_response>\n<tool_response>\ny\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_default() -> None:
    assert default_name(frozenset({"<s>", "<|im_start|>", "<|im_end|>"})) == "chatml"
    assert default_name(frozenset({"<s>", "<|im_end|>"})) == "plain"


def test_a_source_is_its_own() -> None:
    assert source_of("{{ messages }}") == "{{ messages }}"
