"""Real models' templates: each renders a plain chat, a system text, an answer that goes on, and those with tools their history."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from echorator.agent.chat_prompt import ChatPrompts, Opening, Vocabulary
from echorator.errors import InvalidRequestError, TemplateError
from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.control_tokens import ControlTokens
from tests.prompting.sdist_templates import names, sdist_templates

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.parametrize("name", names())]

Message = dict[str, Any]
USER: Message = {"role": "user", "content": "zqquestion"}
# A tool as a client may write it: no description is needed.
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}]
WITHOUT_TOOLS = {
    "DeepSeek-R1-Distill-Llama-8B",
    "DeepSeek-R1-Distill-Qwen-32B",
    "DeepSeek-V3.1",
    "Phi-3.5-mini-instruct",
    "SmolLM3-3B",
    "gemma-2-2b-it",
    "rwkv-world",
}


@cache
def prompts_of(name: str) -> ChatPrompts:
    template = ChatTemplate(sdist_templates()[name], "<s>", "</s>")

    async def render(messages: list[Message], arguments: Any, begins: bool) -> str:
        return template.render(messages, arguments, begins)

    async def characters(text: str, _add_special: bool, _parse_special: bool) -> list[int]:
        return list(map(ord, text))

    return ChatPrompts(render, characters, lambda: template.source, Vocabulary(ControlTokens([]), "<s>", False, False, False))


async def text_of(name: str, messages: list[Message], arguments: Any = None, opening: Opening = Opening()) -> str:  # noqa: B008
    return (await prompts_of(name).prompt(messages, arguments or {}, opening, False)).text


def call(name: str, arguments: dict[str, Any], number: int = 1) -> Message:
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def history(arguments: dict[str, Any]) -> list[Message]:
    calling = {"role": "assistant", "content": "", "tool_calls": [call("look", arguments)]}
    return [USER, calling, {"role": "tool", "tool_call_id": "c1", "content": "zqresult"}]


def has_tools(name: str) -> bool:
    return not any(name.endswith(part) for part in WITHOUT_TOOLS)


async def test_a_plain_chat(name: str) -> None:
    assert "zqquestion" in await text_of(name, [USER])


async def test_a_system_text(name: str) -> None:
    text = await text_of(name, [{"role": "system", "content": "zqsystem"}, USER])
    assert text.count("zqsystem") == 1
    assert text.index("zqsystem") < text.index("zqquestion")


async def test_a_history_of_tools_or_a_refusal_in_words(name: str) -> None:
    asked = text_of(name, history({"zqkey": 'a "B" \u00fc'}), {"tools": TOOLS})
    if not has_tools(name):
        with pytest.raises(InvalidRequestError, match="the chat template of the model shows no tools"):
            await asked
        return
    text = await asked
    assert "look" in text[: text.index("zqquestion")] or "zqquestion" in text[: text.index("look")]  # the tool itself is shown
    assert text.index("zqquestion") < text.index("zqkey") < text.index("zqresult")
    assert text.count("zqresult") == 1
    assert "None" not in text[text.index("zqquestion") :]
    # The arguments are an object's JSON or of the template's own form, and never JSON within JSON or as Python writes a dict.
    assert '\\"zqkey' not in text
    assert "'zqkey'" not in text
    as_json = re.search(r'"zqkey":\s*("(?:[^"\\]|\\.)*")', text)
    assert json.loads(as_json[1]) == 'a "B" \u00fc' if as_json else 'a "B" \u00fc' in text or 'a \\"B\\" \u00fc' in text


async def test_the_order_of_keys_and_large_integers_are_kept(name: str) -> None:
    if not has_tools(name):
        return
    text = await text_of(name, history({"zqzeta": 12345678901234567890, "zqalpha": {"b": [1, True], "a": None}}), {"tools": TOOLS})
    assert "12345678901234567890" in text
    if name.startswith("google-gemma-4"):  # writes every mapping sorted
        return
    assert text.index("zqzeta") < text.index("zqalpha")


async def test_parallel_calls_or_a_refusal_in_words(name: str) -> None:
    if not has_tools(name):
        return
    calling = {"role": "assistant", "content": "", "tool_calls": [call("look", {"zqone": "1"}), call("look", {"zqtwo": "2"}, 2)]}
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": f"zqresult{n}"} for n in (1, 2)]
    try:
        text = await text_of(name, [USER, calling, *results], {"tools": TOOLS})
    except (TemplateError, InvalidRequestError) as error:
        assert re.search("single tool-calls|shows one tool call of a message", str(error)), error  # noqa: PT017
        return
    assert all(word in text for word in ("zqone", "zqtwo", "zqresult1", "zqresult2"))


@pytest.mark.parametrize("content", ["Your dog's ", "<think>\nzqthought", "zqthought</think>zqanswer", "", "ends with <|im_"])
async def test_a_last_answer_is_left_open(name: str, content: str) -> None:
    text = await text_of(name, [USER, {"role": "assistant", "content": content}], opening=Opening(False, True))
    assert text.endswith(content.rpartition("</think>")[2] if "</think>" in content else content)
    assert "zqquestion" in text


async def test_the_answer_is_begun_only_where_it_is_wished(name: str) -> None:
    begun = await text_of(name, [USER])
    try:
        ended = await text_of(name, [USER], opening=Opening(False))
    except InvalidRequestError as error:
        assert "add_generation_prompt" in str(error)  # noqa: PT017
        assert "add_generation_prompt" not in sdist_templates()[name]
    else:
        assert begun != ended


async def test_a_role_that_no_template_names_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="knows no role 'zqnobody'"):
        await text_of(name, [{"role": "zqnobody", "content": "zqsaid"}, USER])


@pytest.mark.parametrize("role", ["developer", "function"])
async def test_openais_further_roles_are_shown_or_refused(name: str, role: str) -> None:
    try:
        text = await text_of(name, [{"role": role, "name": "look", "content": "zqsaid"}, USER])
    except (InvalidRequestError, TemplateError):
        return
    assert "zqsaid" in text
