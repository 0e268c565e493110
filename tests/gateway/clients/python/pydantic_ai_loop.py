"""pydantic-ai: an agent with two tools, by chat completions and by the Responses API."""

from __future__ import annotations

import tools
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

openai = OpenAIProvider(base_url=f"{tools.URL}/v1", api_key="none")
models = {"chat": OpenAIChatModel("m", provider=openai), "responses": OpenAIResponsesModel("m", provider=openai)}
answers = {name: Agent(model, tools=[tools.add, tools.multiply]).run_sync(tools.TASK).output for name, model in models.items()}
tools.tell(answer=answers.pop("chat"), **answers)
