"""LlamaIndex's function agent with OpenAILike, and a stream."""

from __future__ import annotations

import asyncio

import tools
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike


async def main() -> None:
    model = OpenAILike(model="m", api_base=f"{tools.URL}/v1", api_key="none", is_chat_model=True, is_function_calling_model=True)
    answer = await FunctionAgent(tools=[tools.add, tools.multiply], llm=model).run(tools.TASK)
    streamed = "".join(part.delta or "" for part in model.stream_complete("Hello!"))
    tools.tell(answer=str(answer), streamed=streamed)


asyncio.run(main())
