"""llama-server's own test cases before a gateway with real agents: how many are answered as it answers them, and the others by name.

The requests are those of its tests (tools/server/tests), with the models that are here; so what its tests assert of the words of its models
is not asked. `unserved.py` names each case that is answered in another way, with the reason; docs/reference/http-apis.md says the same of
whole endpoints and fields.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of
from tests.gateway.http.peer_cases.case import Answer, Case, Unserved
from tests.gateway.http.peer_cases.chat_cases import CHAT, chat
from tests.gateway.http.peer_cases.counting import CASES, counted
from tests.gateway.http.peer_cases.unserved import UNSERVED
from tests.support.conversations import THINKS
from tests.support.http_client import http
from tests.support.models.gguf_files import rewritten
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def several(tmp_path_factory: pytest.TempPathFactory, encoder: Path, reranker: Path, filler: Path) -> AsyncIterator[Setting]:
    folder = tmp_path_factory.mktemp("several")
    thinks = rewritten(embedded_model(), folder / "thinks.gguf", template=THINKS)
    models = {"echo": embedded_model(), "embed": encoder, "rank": reranker, "filler": filler, "thinks": thinks}
    async with setting_of(folder, models, 8192) as setting:
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


async def test_tokens_of_texts_can_be_forbidden(several: Setting) -> None:
    """The case "logit_bias (needs /tokenize for token ids)": ids from /tokenize are what logit_bias takes."""
    words = [" tiny", " model", " fact"]
    asked = [Case("", "/tokenize", {"model": "echo", "content": word}) for word in words]
    forbidden = {token for case in asked for token in (await answered(several, case)).body["tokens"]}
    plain, biased = chat(n_probs=1, max_tokens=24), chat(logit_bias=[[token, -100] for token in forbidden], n_probs=1, max_tokens=24)
    told = (await answered(several, Case("", CHAT, plain))).text
    answer = await answered(several, Case("", CHAT, biased))
    said = await answered(several, Case("", "/tokenize", {"model": "echo", "content": answer.text}))
    assert answer.text
    assert answer.text != told
    assert not forbidden & set(said.body["tokens"])


async def test_a_client_that_leaves_frees_its_slot(several: Setting) -> None:
    """The case "cancel_request"."""

    async def busy(count: int) -> bool:
        listed = (await answered(several, Case("", "/slots?model=filler", None, method="GET"))).body
        return [slot["is_processing"] for slot in listed].count(True) == count

    body = json.dumps({"model": "filler", "prompt": "a", "n_predict": -1, "ignore_eos": True, "stream": True}).encode()
    left = asyncio.create_task(http(several.gateway.url, "POST", "/completion", body))
    await eventually(lambda: busy(1), "a slot is busy")
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    await eventually(lambda: busy(0), "no slot is busy")


async def test_the_count_that_the_documentation_states() -> None:
    served, listed = counted()
    assert listed == 174
    assert served >= 150
    page = Path(__file__).parents[4] / "docs/reference/http-apis.md"
    assert f"{served} of the {listed} requests" in page.read_text()


@pytest.mark.parametrize("case", UNSERVED, ids=lambda case: case.name)
async def test_any_other_case_is_refused_as_the_list_says(several: Setting, case: Unserved) -> None:
    answer = await answered(several, case)
    assert answer.status == case.status, answer.body
    assert case.reason
