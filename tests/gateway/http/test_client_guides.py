"""The Python of the guides for OpenAI's and Anthropic's clients runs as it is printed, against the model of a plain `echorator up`."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
BLOCK = re.compile(r"<!-- run: client-(\w+) -->\n```python\n(.*?)```", re.DOTALL)
SERVER = "http://127.0.0.1:8080"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("guides"), {"echo-nano": embedded_model()}, 8192) as setting:
        yield setting


@pytest.mark.parametrize("guide", ["openai", "responses", "anthropic"])
async def test_the_client_of_a_guide(mesh: Setting, guide: str) -> None:
    blocks = BLOCK.findall((GUIDES / f"{guide}.md").read_text("utf-8"))
    assert [name for name, _ in blocks] == [guide]
    for _, block in blocks:
        assert SERVER in block
        run = await asyncio.create_subprocess_exec(
            sys.executable, "-c", block.replace(SERVER, mesh.gateway.url), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, failed = await run.communicate()
        assert run.returncode == 0, failed.decode()
        assert said.strip()
