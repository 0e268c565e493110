"""Clients of other projects, unpatched, before a gateway: each runs an agent loop with two tools to its end, in a process of its own.

The agent behind the gateway follows a script, so that what is tried is the client and the API; tests/agent has real models with tools.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.clients.places import HERE, place
from tests.gateway.http.scripted import CALLED, Scripted, calculates, calls, ends, says, scripting

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOPS = [
    pytest.param("python", "langchain_loop.py", marks=pytest.mark.needs("clients in python")),
    pytest.param("python", "litellm_loop.py", marks=pytest.mark.needs("clients in python")),
    pytest.param("python", "pydantic_ai_loop.py", marks=pytest.mark.needs("clients in python")),
    pytest.param("llama_index", "llama_index_loop.py", marks=pytest.mark.needs("LlamaIndex")),
    *(pytest.param("node", name, marks=pytest.mark.needs("clients in node")) for name in ("openai_loop.mjs", "anthropic_loop.mjs")),
    *(pytest.param("node", name, marks=pytest.mark.needs("clients in node")) for name in ("ollama_loop.mjs", "ai_sdk_loop.mjs")),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scripted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripting(tmp_path_factory.mktemp("clients")) as setting:
        yield setting


async def told(environment: str, name: str, url: str, folder: Path) -> dict[str, object]:
    """Run a script with the packages of its environment, and return what it printed."""
    installed, scripts = place(environment), folder / "scripts"
    shutil.copytree(HERE / ("node" if environment == "node" else "python"), scripts)
    if environment == "node":
        (scripts / "node_modules").symlink_to(installed / "node_modules")  # where Node looks for packages
        command = ["node", name]
    else:
        command = [str(installed / "bin" / "python"), name]
    process = await asyncio.create_subprocess_exec(
        *command, url, cwd=scripts, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()
    found: dict[str, object] = json.loads(out.decode().splitlines()[-1])
    return found


def talks(request: pb.ChatRequest) -> list[pb.ChatResponse]:
    return calculates(request) if request.tools else [*says("Hel", "lo"), *ends()]


@pytest.mark.parametrize(("environment", "name"), LOOPS)
async def test_an_agent_loop_runs_to_its_end(scripted: Scripted, tmp_path: Path, environment: str, name: str) -> None:
    scripted.answers(talks)
    found = await told(environment, name, scripted.gateway.url, tmp_path)
    answers = [found[api] for api in ("answer", "responses") if api in found]
    assert all("The result is 35." in str(answer) for answer in answers)
    assert found["ran"] == ["add", "multiply"] * len(answers)
    assert found.get("streamed", "Hello") == "Hello"
    assert found.get("counted", "12") == "12"


@pytest.mark.needs("clients in python")
async def test_an_answer_in_the_form_of_a_class(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers([*calls(0, "Sum", '{"a": 2, "b": 3}'), *ends(CALLED)])
    assert (await told("python", "instructor_loop.py", scripted.gateway.url, tmp_path))["answer"] == "2 and 3"
    assert scripted.asked.tool_choice.mode == pb.ToolChoice.MODE_REQUIRED
