"""litellm: a loop of tools by hand, and a stream."""

from __future__ import annotations

import json

import litellm
import tools

NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
TOOLS = [
    {"type": "function", "function": {"name": f.__name__, "description": f.__doc__, "parameters": NUMBERS}}
    for f in (tools.add, tools.multiply)
]
OF = {"model": "openai/m", "api_base": f"{tools.URL}/v1", "api_key": "none"}

messages: list[object] = [{"role": "user", "content": tools.TASK}]
while (message := litellm.completion(messages=messages, tools=TOOLS, **OF).choices[0].message).tool_calls:
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        result = getattr(tools, call.function.name)(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})
parts = litellm.completion(messages=[{"role": "user", "content": "Hello!"}], stream=True, **OF)
tools.tell(answer=message.content, streamed="".join(part.choices[0].delta.content or "" for part in parts))
