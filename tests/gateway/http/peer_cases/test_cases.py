"""llama-server's own test cases before a gateway with real agents: how many are answered as it answers them, and the others by name.

The requests are those of its tests (tools/server/tests), with the models that are here; so what its tests assert of the words of its models
is not asked. `unserved.py` names each case that is answered in another way, with the reason; docs/reference/http-apis.md says the same of
whole endpoints and fields.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of
from tests.gateway.http.peer_cases.case import Answer, Case, Unserved
from tests.gateway.http.peer_cases.chat_cases import CHAT_CASES
from tests.gateway.http.peer_cases.other_cases import OTHER_CASES
from tests.gateway.http.peer_cases.unserved import UNSERVED
from tests.support.http_client import http

pytestmark = pytest.mark.asyncio(loop_scope="session")

CASES = [*CHAT_CASES, *OTHER_CASES]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def several(tmp_path_factory: pytest.TempPathFactory, encoder: Path, reranker: Path, filler: Path) -> AsyncIterator[Setting]:
    models = {"echo": embedded_model(), "embed": encoder, "rank": reranker, "filler": filler}
    async with setting_of(tmp_path_factory.mktemp("several"), models, 8192) as setting:
        yield setting


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("alone"), {"echo": embedded_model()}, 8192) as setting:
        yield setting


async def answered(setting: Setting, case: Case | Unserved, headers: dict[str, str] | None = None) -> Answer:
    body = b"" if case.body is None else json.dumps(case.body).encode()
    return Answer.of(await http(setting.gateway.url, case.method, case.path, body, headers))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_case_is_answered_as_llama_server_answers_it(several: Setting, alone: Setting, case: Case) -> None:
    answer = await answered(alone if case.alone else several, case, case.headers)
    assert answer.status == case.status, answer.body
    assert case.holds(answer), answer.body or answer.events


@pytest.mark.parametrize("case", UNSERVED, ids=lambda case: case.name)
async def test_any_other_case_is_refused_as_the_list_says(several: Setting, case: Unserved) -> None:
    answer = await answered(several, case)
    assert answer.status == case.status, answer.body
    assert case.reason
