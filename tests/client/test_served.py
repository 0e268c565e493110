"""The blocks of the client's README, word for word and without a word of the address, through `up`, a gateway and xDS alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.up import Up
from tests.support.ports import free_port
from tests.support.processes import Process

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- client: (\w+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAYS = ("up", "gateway", "xds")
HELLO = "Hello! I am Echo. How can I help you?"
PRINTS = {
    "chat": f"{HELLO}\n{HELLO}\n",
    "memory": "My dog is called Pixel.\nYour dog's name is Pixel.\n",
    "tools": r'weather {"city":',
    "asyncio": f"['nano']\n2\n{HELLO}\n",
}


def blocks() -> dict[str, str]:
    return dict(BLOCK.findall((ROOT / "client" / "README.md").read_text("utf-8")))


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """What the environment of a client has to say so that it comes to the same model and memory by each way."""
    folder = tmp_path_factory.mktemp("served")
    up = Up(folder)
    up.process.env["XDG_DATA_HOME"] = str(folder / "share")
    port = free_port()
    gateway = Process(
        folder / "gateway.log", "gateway", "--port", str(port), "--http-port", "-1", "--controller", f"127.0.0.1:{up.controller}"
    )
    try:
        up.start().ready()
        gateway.start()
        command = (sys.executable, "-m", "echorator", "bootstrap", "--controller", f"127.0.0.1:{up.controller}")
        bootstrap = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        nobody = str(folder / "nobody")
        yield {
            "up": {"XDG_DATA_HOME": str(folder / "share")},
            "gateway": {"XDG_DATA_HOME": nobody, "ECHORATOR_SERVER": f"127.0.0.1:{port}"},
            "xds": {"XDG_DATA_HOME": nobody, "ECHORATOR_SERVER": "xds:///nano", "GRPC_XDS_BOOTSTRAP_CONFIG": bootstrap},
        }
    finally:
        gateway.end()
        up.process.end()


def typed(block: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the block with nothing of this repository on the path but the client."""
    settings = {**{k: v for k, v in os.environ.items() if k != "ECHORATOR_SERVER"}, "PYTHONPATH": str(ROOT / "client"), **environment}
    return subprocess.run((sys.executable, "-c", block), capture_output=True, text=True, timeout=60, env=settings, check=False)


def test_each_block_has_what_it_prints() -> None:
    assert blocks().keys() == PRINTS.keys()


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in PRINTS for way in WAYS if (name, way) != ("memory", "xds")])
def test_the_same_examples_run_by_each_way(environments: dict[str, dict[str, str]], name: str, way: str) -> None:
    done = typed(blocks()[name], environments[way])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(PRINTS[name])


def test_agents_of_an_up_have_no_memory_and_the_error_says_so(environments: dict[str, dict[str, str]]) -> None:
    done = typed(blocks()["memory"], environments["xds"])
    assert done.returncode == 1
    assert "echorator_client.errors.Unsupported: xds:///nano: " in done.stderr
    assert "is it the port of a gateway" in done.stderr.splitlines()[-1]


def test_without_a_server_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    done = typed(blocks()["chat"], {"XDG_DATA_HOME": str(tmp_path)})
    assert done.returncode == 1
    assert "start one with `echorator up`" in done.stderr.splitlines()[-1]


def test_the_guide_chats(environments: dict[str, dict[str, str]]) -> None:
    page = (ROOT / "docs" / "guides" / "client.md").read_text("utf-8")
    _, _, rest = page.partition("<!-- run: client-chat -->\n```python\n")
    block = rest.partition("```")[0].replace("127.0.0.1:50052", environments["gateway"]["ECHORATOR_SERVER"])
    done = typed(block, {})
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) >= 2


def test_a_port_of_http_and_one_where_nobody_listens_are_told_apart(environments: dict[str, dict[str, str]], tmp_path: Path) -> None:
    said = json.loads((Path(environments["up"]["XDG_DATA_HOME"]) / "echorator" / "up.json").read_text("utf-8"))
    for address, words in (
        (said["http"], "this port speaks HTTP, not gRPC: name the gRPC port"),
        (f"127.0.0.1:{free_port()}", "no server answers there (Connection refused): start one with `echorator up`"),
    ):
        done = typed(blocks()["chat"], {"XDG_DATA_HOME": str(tmp_path), "ECHORATOR_SERVER": address.removeprefix("http://")})
        assert done.returncode == 1
        assert f"{address.removeprefix('http://')}: {words}" in done.stderr.splitlines()[-1]
