"""LangGraph's agent with langchain-openai, its stream, and a structured answer."""

from __future__ import annotations

import tools
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

model = ChatOpenAI(model="m", base_url=f"{tools.URL}/v1", api_key="none")
agent = create_react_agent(model, [tool(tools.add), tool(tools.multiply)])
answer = agent.invoke({"messages": [("user", tools.TASK)]})["messages"][-1].content
streamed = "".join(str(chunk.content) for chunk in model.stream("Hello!"))
tools.tell(answer=answer, streamed=streamed)
