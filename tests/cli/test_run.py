"""`echorator run` and the one rule by which commands find a server: named, of the environment, running here, or their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.agent.loading.embedded import embedded_model
from tests.support.commands import COMMAND, TIMEOUT_S
from tests.support.models.hub import fake_hub
from tests.support.models.servers import RegistryServer, registry_server
from tests.support.processes import Process
from tests.support.programs import needing

GREETING = "Hello! I am Echo. How can I help you?\n"
PORTS = ("--port", "0", "--http-port", "0", "--controller-port", "0")


class Home:
    """The data folder of one user, and the commands that this user runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"XDG_DATA_HOME": str(folder / "share")}

    def __call__(self, *arguments: str, text_in: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {**os.environ, **self.env, **environment}
        return subprocess.run(
            (*COMMAND, *arguments), input=text_in, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=settings
        )

    def answered(self, *arguments: str, **environment: str) -> str:
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments: str) -> Process:
        return Process(self.folder / f"{arguments[0]}.log", *arguments, env=self.env).start()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    return str(shutil.copyfile(embedded_model(), tmp_path / "My Model.gguf"))


@pytest.fixture(scope="module")
@needing("docker-registry")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry_server(tmp_path_factory.mktemp("registry")) as made:
        made.ollama("nano", embedded_model().read_bytes())
        yield made


def test_a_model_of_a_registry_is_pulled_and_talks(registry: RegistryServer, home: Home) -> None:
    source = f"{registry.host}/nano"
    first = home("run", source, "Hello!", "--temperature", "0")
    assert first.stdout == GREETING, first.stderr
    assert re.search(r"pulling .*nano \d+ of \d+ MiB, 100 %", first.stderr)
    again = home("run", source, text_in="Hello!")
    assert again.returncode == 0
    assert "pulling" not in again.stderr


def test_a_link_of_the_hub_as_a_browser_has_it(home: Home) -> None:
    with fake_hub({"tiny-Q8_0.gguf": embedded_model().read_bytes()}) as hub:
        assert hub.hub is not None
        link = "https://huggingface.co/org/repo/blob/main/tiny-Q8_0.gguf"
        assert home.answered("run", link, "Hello!", "--temperature", "0", HF_ENDPOINT=hub.hub.url) == GREETING


@pytest.mark.slow
def test_what_an_up_has_not_is_applied_to_it(home: Home, mine: str, tmp_path: Path) -> None:
    up = home.start("up", *PORTS, "--no-memory")
    try:
        done = home("run", mine, "Hello!", "--temperature", "0")
        assert done.stdout == GREETING, done.stderr
        assert "the running `up` gets model/my-model; `echorator delete model my-model` removes it" in done.stderr
        assert home.answered("run", f"file:{mine}", "Hello!", "--temperature", "0") == GREETING  # the same file in other words
        again = home("run", "my-model", "Hello!", "--temperature", "0")
        assert (again.stdout, again.stderr) == (GREETING, "")
        assert home.answered("chat", "Hello!", "--temperature", "0") == GREETING  # the only one beside echo-nano
        assert set(home.answered("get", "models", "-o", "name").split()) == {"model/echo-nano", "model/my-model"}
        other = shutil.copyfile(mine, tmp_path / "my_model.gguf")
        refused = home("run", str(other), "Hello!")
        assert refused.returncode == 1
        assert f"the running `up` has model/my-model from {mine}" in refused.stderr
    finally:
        assert up.terminate() == 0


def test_a_serve_is_found_and_loads_what_it_has_not(home: Home, mine: str) -> None:
    serve = home.start("serve", "--port", "0")
    try:
        assert "echo-nano" in home.answered("models")
        assert home.answered("run", mine, "Hello!", "--temperature", "0") == GREETING
        assert "My-Model" in home.answered("models")
        second = shutil.copyfile(mine, Path(mine).with_name("second.gguf"))
        home.answered("run", str(second), "Hello!")
        several = home("chat", "Hello!")
        assert several.returncode == 2
        assert "serves several models; name one with --model: My-Model, second" in several.stderr
        home.answered("memory", "add", "I like tea.", "--user", "ann")  # its folder is free: this `serve` has no memory
    finally:
        serve.terminate()
    assert home.answered("chat", "Hello!", "--temperature", "0") == GREETING  # by a server of its own again


def test_the_rule_for_which_server(home: Home) -> None:
    first, second = home.start("serve", "--port", "0", "--name", "first"), None
    try:
        (address,) = re.findall(r"listening on (\S+),", first.log.read_text())
        second = Process(home.folder / "second.log", "serve", "--port", "0", "--name", "second", env=home.env).start()
        assert "second" in home.answered("models")  # the one started last
        assert "first" in home.answered("models", ECHORATOR_SERVER=address)
        assert "first" in home.answered("models", "--server", address, ECHORATOR_SERVER="127.0.0.1:9")
        assert (
            home.answered("chat", "Hello!", "--file", str(embedded_model()), "--temperature", "0", ECHORATOR_SERVER="127.0.0.1:9")
            == GREETING
        )
        second.signal(signal.SIGKILL)
        second.wait()
        assert home.answered("chat", "Hello!", "--temperature", "0") == GREETING  # a file of a killed process is not followed
    finally:
        first.terminate()
        if second is not None:
            second.end()


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("./absent.gguf", 1, "absent.gguf: No such file or directory"),
        ("/etc/passwd", 1, "is not a GGUF file"),
        ("", 2, "it is empty; name a model"),
        ("a b", 2, "is no part of a model's name"),
        ("ftp://host/x.gguf", 2, "ftp:// is not known"),
        ("https://huggingface.co/org/repo/blob/main/README.md", 2, "is no .gguf file"),
    ],
)
def test_what_is_no_model_is_refused_in_words(home: Home, source: str, code: int, said: str) -> None:
    done = home("run", source, "Hello!", ECHORATOR_OFFLINE="1")
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""


def test_a_mistyped_name_gets_a_suggestion(home: Home) -> None:
    done = home("run", "echo-nona", "Hello!", ECHORATOR_OFFLINE="1")
    assert done.returncode == 1
    assert "this machine is offline" in done.stderr
    assert "(did you mean echo-nano?)" in done.stderr
