"""Tools for models whose chat template shows none: they are described in a message of the system, and calls and results are text.

A call is a JSON object between tags, in the form that most models have seen: see `dialect.GENERIC`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_HOW = """You may call tools. Each line between <tools> and </tools> is one tool, with the JSON schema of its arguments.

<tools>
{tools}
</tools>

To call a tool, answer with its name and its arguments between tags, and with nothing else:
<tool_call>
{{"name": "the tool's name", "arguments": {{...}}}}
</tool_call>"""


def generic(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the conversation with tools, calls and results as text.

    Args:
        messages: in OpenAI's form, the arguments of calls as objects.
        tools: in OpenAI's form; none adds no description.
    """
    made: list[dict[str, Any]] = []
    for before, message in zip([None, *messages], messages, strict=False):
        told = _told(message)
        if message["role"] == "tool" and before is not None and before["role"] == "tool":
            made[-1]["content"] += "\n" + told["content"]  # templates want user and assistant in turn
        else:
            made.append(told)
    if not tools:
        return made
    described = tools_message(tools)
    if made and made[0]["role"] == "system":
        content = made[0]["content"]
        return [{**made[0], "content": f"{content}\n\n{described}" if content else described}, *made[1:]]
    return [{"role": "system", "content": described}, *made]


def tools_message(tools: Sequence[Mapping[str, Any]]) -> str:
    """Return the text that describes tools, in OpenAI's form, to a model."""
    return _HOW.format(tools="\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools))


def _told(message: Mapping[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    if not message.get("tool_calls"):
        return dict(message)
    calls = [_call(call["function"]) for call in message["tool_calls"]]
    rest = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**rest, "content": "\n".join([message["content"], *calls] if message["content"] else calls)}


def _call(function: Mapping[str, Any]) -> str:
    told = {"name": function["name"], "arguments": function["arguments"]}
    return f"<tool_call>\n{json.dumps(told, ensure_ascii=False)}\n</tool_call>"
