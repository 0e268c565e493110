"""Hosts a memory in an agent's process: its service is on the same port, and it uses the agent's models without a network."""

from __future__ import annotations

from collections.abc import Sequence

from echorator.agent.memory import cache_scope
from echorator.agent.requests import Limits
from echorator.agent.server import AgentServer
from echorator.cognition.api import CognitionApi
from echorator.cognition.recall.context import safe
from echorator.cognition.service import CognitionRole
from echorator.host.opened_memory import open_memory
from echorator.settings import Sampling

INSTRUCTION = "Summarise these notes in at most three sentences. Keep names, dates and numbers."
GIST_TOKENS = 160


async def host_memory(agent: AgentServer, where: str, embedder: str, summarise_with: str = "") -> CognitionApi:
    """Open a memory and host it in `agent`, before the server starts; return its calls. Raises what `open_memory` raises.

    `summarise_with` names the model that summarises old talk into gists; "" makes extracts instead.
    """

    async def count(model: str, texts: Sequence[str]) -> list[int]:
        served = agent.registry.get(model)
        return [len(await served.tokenize(text, False, False)) for text in texts]

    async def summarise(texts: Sequence[str]) -> str:
        served = agent.registry.get(summarise_with)
        notes = "\n".join(f"- {safe(text)}" for text in texts)
        prompt = await served.chat_prompt([{"role": "user", "content": f"{INSTRUCTION}\n{notes}"}], {})
        stream = served.start(prompt, Sampling(temperature=0.0), Limits(max_tokens=GIST_TOKENS, priority=-100), 0.0)
        said = ""
        try:
            while True:
                event = await stream.next()
                said += event.text
                if event.finish:
                    return said.strip()
        finally:
            served.end(stream)

    api = await open_memory(where, embedder, count, summarise if summarise_with else None)
    api.cognition.on_erased.append(lambda tenant: agent.registry.forget_scope(cache_scope(tenant)))
    agent.host(CognitionRole(api))
    agent.memory.use(api)
    return api
