"""Each example as a reader of its README runs it: with an `echorator up`, where it prints what the README says, and without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.pages import EXAMPLES, names, page
from tests.examples.shell import ADAPTERS, Shell
from tests.support.ports import free_port
from tests.support.processes import Process

NEEDS = {"grpcurl": ("grpcurl",), "node": ("xDS client in node",), "go": ("example in go",)} | {name: ("adapters",) for name in ADAPTERS}
PROGRAMS = ("python", "client", "grpcurl", "node", "go", "openai", "memory", *ADAPTERS)
THERE = [pytest.param(name, marks=[pytest.mark.needs(*NEEDS[name])] if name in NEEDS else []) for name in PROGRAMS]


def shell(folder: Path, gateway: int, http: int, controller: int) -> Shell:
    """The shell of a reader whose servers listen on these ports of this machine."""
    environment = {
        "ECHORATOR_SERVER": f"127.0.0.1:{gateway}",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{http}/v1",
        "CONTROLLER": f"127.0.0.1:{controller}",
        "XDG_DATA_HOME": str(folder / "share"),
    }
    return Shell(folder, environment)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Where `echorator up` serves its own model."""
    folder = tmp_path_factory.mktemp("served")
    gateway, http, controller = free_port(), free_port(), free_port()
    ports = ("--port", str(gateway), "--http-port", str(http), "--controller-port", str(controller))
    up = Process(folder / "up.log", "up", *ports, env={"XDG_DATA_HOME": str(folder / "reader" / "share")})
    reader = shell(folder / "reader", gateway, http, controller)
    try:
        up.start()
        done = reader.run("two-models", "echorator status --wait 60")
        assert done.returncode == 0, done.stderr
        yield reader
    finally:
        up.end()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Where nothing listens at any of the addresses."""
    return shell(tmp_path_factory.mktemp("alone") / "reader", free_port(), free_port(), free_port())


def test_every_example_is_in_the_index_and_is_run() -> None:
    index = (EXAMPLES / "README.md").read_text("utf-8")
    assert re.findall(r"^\| \[(\S+)\]\(\1/README\.md\) \|", index, re.MULTILINE) == [*PROGRAMS, "two-models", "kubernetes"]
    assert set(names()) == {*PROGRAMS, "two-models", "kubernetes"}, "tests/kube/test_example.py runs the last one"
    assert {name for name in names() if page(name).set_up} == {"node", "go", *ADAPTERS}, "clients/build.sh and adapters.sh set these up"


@pytest.mark.parametrize("name", [*THERE, "two-models"])
def test_it_prints_what_its_readme_says(served: Shell, name: str) -> None:
    said = page(name)
    done = served.run(name, said.run)
    meanwhile = [line for line in done.stderr.splitlines() if not re.fullmatch(r"model/\w+ [A-Z]\w+", line)]  # phases of the models
    assert (done.returncode, meanwhile) == (0, []), done.stdout
    assert said.differs(done.stdout) == ""


@pytest.mark.parametrize("name", THERE)
def test_it_says_in_one_line_that_no_server_is_there(alone: Shell, name: str) -> None:
    done = alone.run(name, page(name).run)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert "did not answer" in line or "no server answers at " in line


def test_apply_says_in_one_line_that_no_server_is_there(alone: Shell) -> None:
    first, *_ = page("two-models").run.splitlines()
    done = alone.run("two-models", f'{first} --server "$CONTROLLER"')
    assert (done.returncode, done.stdout) == (69, "")
    (line,) = done.stderr.splitlines()
    assert "is `echorator up` running there?" in line


@pytest.mark.parametrize("name", [each for each in THERE if each.values[0] in ("node", "go")])
def test_it_says_in_one_line_that_the_bootstrap_is_missing(alone: Shell, name: str) -> None:
    *_, command = page(name).run.splitlines()
    done = alone.run(name, command.removeprefix("GRPC_XDS_BOOTSTRAP=xds.json "))
    expected = "GRPC_XDS_BOOTSTRAP must name a file; `echorator bootstrap > xds.json` makes it\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def test_it_says_in_one_line_that_grpcurl_is_missing(alone: Shell) -> None:
    done = alone.run("grpcurl", page("grpcurl").run, PATH="/bin:/usr/bin")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "grpcurl is not on the PATH; see README.md\n")


@pytest.mark.parametrize(
    ("name", "variable", "option"),
    [
        ("python", "ECHORATOR_SERVER", "--server"),
        ("memory", "ECHORATOR_SERVER", "--server"),
        ("client", "ECHORATOR_SERVER", "--server"),
        ("openai", "OPENAI_BASE_URL", "--url"),
        *(pytest.param(name, "OPENAI_BASE_URL", "--url", marks=pytest.mark.needs("adapters")) for name in ADAPTERS),
        pytest.param("grpcurl", "ECHORATOR_SERVER", "", marks=pytest.mark.needs("grpcurl")),
    ],
)
def test_an_argument_names_the_server_in_place_of_the_variable(served: Shell, name: str, variable: str, option: str) -> None:
    said = page(name)
    done = served.run(name, f'address=${variable}\nexport {variable}=127.0.0.1:1\n{said.run.strip()} {option} "$address"')
    assert (done.returncode, done.stderr) == (0, "")
    assert said.differs(done.stdout) == ""


def test_the_python_program_takes_an_xds_address(served: Shell) -> None:
    said = page("python")
    command = f"GRPC_XDS_BOOTSTRAP=xds.json {said.run.strip()} --server xds:///echo-nano"
    done = served.run("python", f"echorator bootstrap > xds.json\n{command}")
    assert (done.returncode, done.stderr) == (0, "")
    assert said.differs(done.stdout) == ""


@pytest.mark.parametrize(("name", "answer"), [("python", "NOT_FOUND: "), ("openai", "refused the request: ")])
def test_it_says_in_one_line_what_the_server_refused(served: Shell, name: str, answer: str) -> None:
    done = served.run(name, f"{page(name).run.strip()} --model nobody")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert answer in line
    assert "nobody" in line
