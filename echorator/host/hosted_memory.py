"""Hosts a memory in an agent's process: its service is on the same port, and it uses the agent's models without a network."""

from __future__ import annotations

from echorator.agent.memory import cache_scope
from echorator.agent.server import AgentServer
from echorator.cognition.api import CognitionApi
from echorator.cognition.service import CognitionRole
from echorator.host.memory_models import MemoryModels
from echorator.host.opened_memory import open_memory


async def host_memory(
    agent: AgentServer, where: str, embedder: str, summarise_with: str = "", extract_with: str = "", instructions: str = ""
) -> CognitionApi:
    """Open a memory and host it in `agent`, before the server starts; return its calls. Raises what `open_memory` raises.

    Args:
        agent: the agent.
        where: a folder, or the URL of a shared store.
        embedder: what makes the vectors, as `embedder_of` takes it.
        summarise_with: names the model that summarises old talk into gists; "" makes extracts instead.
        extract_with: names the model that notes what turns say, in the background; "" notes nothing.
        instructions: what that model is told besides.
    """
    models = MemoryModels(agent, summarise_with, extract_with, instructions)
    api = await open_memory(
        where, embedder, models.count, models.summarise if summarise_with else None, models.observe if extract_with else None
    )
    api.cognition.on_erased.append(lambda tenant: agent.registry.forget_scope(cache_scope(tenant)))
    agent.host(CognitionRole(api))
    agent.memory.use(api)
    return api
