"""LlamaIndex's function agent with OpenAILike, and a stream."""

from __future__ import annotations

import asyncio
import json
import sys

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike

URL = sys.argv[1]
ran: list[str] = []


def add(a: int, b: int) -> int:
    """Add two numbers."""
    ran.append("add")
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    ran.append("multiply")
    return a * b


async def main() -> None:
    model = OpenAILike(model="m", api_base=f"{URL}/v1", api_key="none", is_chat_model=True, is_function_calling_model=True)
    answer = await FunctionAgent(tools=[add, multiply], llm=model).run("What is (2 + 3) * 7?")
    streamed = "".join(part.delta or "" for part in model.stream_complete("Hello!"))
    print(json.dumps({"ran": ran, "answer": str(answer), "streamed": streamed}))


asyncio.run(main())
