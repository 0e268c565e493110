"""xDS clients of other languages: grpc-js and grpc-go against a real controller and real agents."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.xds_callers import CLIENTS, LANGUAGES, Caller, End, built
from tests.support.http_client import http
from tests.support.mesh import Mesh, bootstrap_of
from tests.support.ports import free_port
from tests.support.waiting import eventually, until

THERE = [pytest.param(each, marks=pytest.mark.needs(f"xDS client in {each}")) for each in LANGUAGES]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.parametrize("language", THERE)]

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guides/mesh.md"
STORY = {"messages": [{"role": "user", "content": "Tell me a story."}], "limits": {"max_tokens": 4000}}


class Agents:
    """The agents of a mesh, and the ports of their metrics."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.ports: dict[str, int] = {}

    def start(self, *names: str, options: tuple[str, ...] = ()) -> None:
        """Return once they have joined and answer for their metrics, which they do a moment later."""
        for name in names:
            self.ports[name] = free_port()
            self.mesh.agent(name, "--metrics-port", str(self.ports[name]), *options)
            until(lambda port=self.ports[name]: listens(port), f"metrics of {name}")  # type: ignore[misc]

    async def count(self, name: str, model: str, metric: str = "engine_requests_total") -> int:
        """What an agent has counted of a model: the requests it has had, if nothing else is asked for."""
        text = (await http(f"http://127.0.0.1:{self.ports[name]}", "GET", "/metrics")).body.decode()
        found = re.search(rf'^echorator_agent_{metric}{{model="{model}"}} (\S+)$', text, re.M)
        return int(float(found[1])) if found else 0

    async def counts(self, model: str, *names: str) -> list[int]:
        """The requests that each has had."""
        return [await self.count(name, model) for name in names or self.ports]

    async def serve(self, model: str, calls: int, *names: str) -> None:
        """Wait until each of `names` has had so many requests more than now."""
        before = await self.counts(model, *names)

        async def holds() -> bool:
            return min(now - was for now, was in zip(await self.counts(model, *names), before, strict=True)) >= calls

        await eventually(holds, f"{calls} calls more at each of {names}", 60)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, slow_model: Path) -> Iterator[Agents]:
    """Three agents that serve `spread`, `sticky` (by session) and `slow`."""
    with Mesh(tmp_path_factory.mktemp("mesh")) as mesh:
        mesh.controller.end()
        mesh.controller.arguments = (*mesh.controller.arguments, "--rebuild", "0")
        mesh.controller.start()
        agents = Agents(mesh)
        agents.start("a", "b", "c")
        mesh.apply("spread", "echo-nano", 3)
        mesh.apply("sticky", "echo-nano", 3, "--by-session")
        mesh.apply("slow", str(slow_model), 1)
        yield agents


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    with Mesh(tmp_path) as mesh:
        yield mesh


def listens(port: int) -> bool:
    """Whether a connection to a port of this machine is taken."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def guide(pattern: str) -> str:
    """Return the lines of the mesh guide that a pattern has in its group."""
    found = re.search(pattern, GUIDE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def failures(ends: list[End]) -> list[str]:
    """Status and message of the calls that failed."""
    return [f"{end.status}: {end.message}" for end in ends if end.status != "OK"]


async def calls(caller: Caller, method: str = "Chat", **options: object) -> list[End]:
    """As `Caller.calls`, beside the event loop."""
    return await asyncio.to_thread(caller.calls, method, **options)  # type: ignore[arg-type]


@pytest.mark.slow
async def test_plain_and_streamed_calls_are_spread(language: str, three: Agents) -> None:
    before = await three.counts("spread")
    with Caller(language, three.mesh, "spread") as caller:
        plain = await calls(caller, "Tokenize", request={"text": "Hello!"})
        ends = await calls(caller, calls=64, parallel=16)
    assert failures(plain + ends) == []
    assert re.fullmatch(r"\d+ tokens", plain[0].text)
    assert len({end.text for end in ends}) == 1, "one greedy answer, wherever it comes from"
    assert ends[0].text
    grown = [now - was for now, was in zip(await three.counts("spread"), before, strict=True)]
    assert sum(grown) == 64
    assert min(grown) >= 8, grown


@pytest.mark.slow
async def test_a_client_that_is_told_to_weigh_agents(language: str, three: Agents) -> None:
    before = await three.counts("spread")
    with Caller(language, three.mesh, "spread", GRPC_EXPERIMENTAL_XDS_WRR_LB="true") as caller:  # Node's; Go weighs without it
        assert failures(await calls(caller, calls=64, parallel=16)) == []
    grown = [now - was for now, was in zip(await three.counts("spread"), before, strict=True)]
    assert sum(grown) == 64
    assert min(grown) >= 3, grown


@pytest.mark.slow
async def test_a_deadline_ends_a_call(language: str, three: Agents) -> None:
    with Caller(language, three.mesh, "slow") as caller:
        await calls(caller, request=STORY, cancel_after=1)  # connected
        (end,) = await calls(caller, request=STORY, deadline_s=0.5)
    assert end.status == "DEADLINE_EXCEEDED"
    assert 0.4 < end.seconds < 10.0


@pytest.mark.slow
async def test_a_cancelled_call_frees_its_slot(language: str, three: Agents) -> None:
    with Caller(language, three.mesh, "slow") as caller:
        (end,) = await calls(caller, request=STORY, cancel_after=2)
    assert (end.status, end.messages) == ("CANCELLED", 2)

    async def idle() -> bool:
        return sum([await three.count(name, "slow", "slots_busy") for name in three.ports]) == 0

    await eventually(idle, "no request runs")


@pytest.mark.slow
async def test_a_session_stays_with_one_agent(language: str, three: Agents) -> None:
    homes = set()
    with Caller(language, three.mesh, "sticky") as caller:
        for session in range(40):  # by their ports, which are random, one agent may be the home of several
            before = await three.counts("sticky")
            assert failures(await calls(caller, calls=6, parallel=2, session=f"{language}-{session}")) == []
            grown = [now - was for now, was in zip(await three.counts("sticky"), before, strict=True)]
            assert sorted(grown) == [0, 0, 6], "one session is at one agent"
            homes.add(grown.index(6))
            if len(homes) == 3:
                break
    assert len(homes) > 1, "sessions are spread"


@pytest.mark.slow
async def test_an_unknown_model_is_named_and_found_once_it_is_there(language: str, three: Agents) -> None:
    name = f"late-{language}"
    with Caller(language, three.mesh, name, host="localhost") as caller:  # by a name, as in a cluster
        (chat,) = await calls(caller, wait_for_ready=True)
        (plain,) = await calls(caller, "Tokenize", request={"text": "Hello!"})
        for end in (chat, plain):
            assert (end.status, end.messages) == ("NOT_FOUND", 0)
            assert f"no model '{name}' is known to this mesh; known: " in end.message
            assert "slow, spread, sticky" in end.message
            assert end.seconds < 14.0, "gRPC waits for 15 s for what it is not told of"
        await asyncio.to_thread(three.mesh.apply, name, "echo-nano", 1)

        async def answers() -> bool:
            return failures(await calls(caller)) == []

        await eventually(answers, "the model is found", 30)


@pytest.mark.slow
async def test_the_lines_of_the_guide(language: str, three: Agents, tmp_path: Path) -> None:
    if language == "go":
        program = (CLIENTS / "go/main.go").read_text("utf-8")
        lines = guide("<!-- run: xds-go -->\n```go\n(.*?)```").replace('"xds:///nano"', "os.Args[1]").split("\n")
        assert all(line.removeprefix("import ") in program for line in lines), "the program that the other tests run has these lines"
        return
    await asyncio.to_thread(three.mesh.apply, "nano", "echo-nano", 1)
    (tmp_path / "xds.json").write_text(bootstrap_of(three.mesh), "utf-8")
    env = {"GRPC_XDS_BOOTSTRAP": str(tmp_path / "xds.json"), "NODE_PATH": str(built("node") / "node_modules")}
    command = ("node", "-e", guide("<!-- run: xds-node -->\n```js\n(.*?)```"))
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, timeout=90, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.slow
async def test_agents_that_die_join_and_leave(language: str, mesh: Mesh) -> None:
    agents = Agents(mesh)
    agents.start("a", "b", "c")
    await asyncio.to_thread(mesh.apply, "echo", "echo-nano", 3)
    with Caller(language, mesh, "echo") as caller:
        await asyncio.to_thread(caller.begin, parallel=4)
        await agents.serve("echo", 5, "a", "b", "c")
        mesh.agents["a"].kill()
        del agents.ports["a"]
        await agents.serve("echo", 5, "b", "c")
        lost = await asyncio.to_thread(caller.stop)
        assert len(failures(lost)) <= 4, "only calls that the dead agent had may fail"
        assert all(failure.startswith("UNAVAILABLE") for failure in failures(lost)), failures(lost)

        await asyncio.to_thread(caller.begin, parallel=4)
        agents.start("d")
        await agents.serve("echo", 5, "b", "c", "d")
        mesh.command("drain", "b")
        await agents.serve("echo", 20, "c", "d")
        assert mesh.agents["c"].terminate() == 0
        await agents.serve("echo", 5, "d")
        assert failures(await asyncio.to_thread(caller.stop)) == []


@pytest.mark.slow
async def test_a_secondary_agent_serves_where_no_primary_is_left(language: str, mesh: Mesh) -> None:
    agents = Agents(mesh)
    agents.start("first", options=("--zone", "east"))
    agents.start("second", options=("--zone", "west", "--failover", "1"))
    await asyncio.to_thread(mesh.apply, "echo", "echo-nano", 2)
    with Caller(language, mesh, "echo") as caller:
        assert failures(await calls(caller, calls=20)) == []
        assert await agents.counts("echo") == [20, 0]
        assert mesh.agents["first"].terminate() == 0
        assert failures(await calls(caller, calls=20)) == []
        assert await agents.count("second", "echo") == 20


@pytest.mark.slow
async def test_a_model_at_zero_is_woken_through_a_gateway(language: str, mesh: Mesh) -> None:
    agents = Agents(mesh)
    agents.start("a")
    port = free_port()
    mesh.gateway("--advertise", f"127.0.0.1:{port}", port=port)
    mesh.command("apply", "echo", "--source", "echo-nano", "--replicas", "0")
    with Caller(language, mesh, "echo") as caller:
        assert failures(await calls(caller, calls=5)) == []
    assert await agents.count("a", "echo") == 5
