"""Help, mistakes and completion of `kollama`: what it says without a cluster, and beside one that does not answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from echorator.cli.options.kollama import parser
from tests.cli.kollama.user import Kollama
from tests.support.commands import KOLLAMA, commands_of, failed, in_process, kollama
from tests.support.kube_cluster.control_plane import ControlPlane


def test_help_needs_no_cluster_and_nothing_that_speaks_to_one() -> None:
    commands = ("deploy", "pull", "undeploy", "expose", "scale", "list", "status", "logs", "chat", "convert", "completion")
    whole = kollama("--help", KUBECONFIG="/nonexistent")
    assert (whole.returncode, whole.stderr) == (0, "")
    for command in commands:
        assert f"\n    {command} " in whole.stdout
        done = kollama(command, "--help", KUBECONFIG="/nonexistent")
        assert (done.returncode, done.stderr) == (0, "")
        assert "--kubeconfig FILE" in done.stdout
    code = (
        "import sys; from echorator.cli.kollama.program import main\ntry: main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stderr.split()
    assert {"kubernetes_asyncio", "aiohttp", "grpc", "pydantic", "rich", "yaml"}.isdisjoint(loaded)
    assert kollama("--version").stdout.startswith("kollama ")


@pytest.mark.parametrize("command", [*commands_of(parser())], ids=" ".join)
def test_each_command_says_a_mistake_in_one_line(command: tuple[str, ...]) -> None:
    failed(kollama(*command, "--no-such-option", KUBECONFIG="/nonexistent"), 2, "see `kollama")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("deploy",), "required: NAME; see `kollama deploy --help`"),
        (("deploy", "llama3.1"), "kollama deploy llama3-1 --image llama3.1"),
        (("deploy", "phi", "--image", "a b"), "is no part of a model's name"),
        (("deploy", "phi", "--image", "./phi.gguf"), "is a file of one machine; put it on a claim"),
        (("deploy", "phi", "--image", "s3://b/x"), "s3:// is not known"),
        (("deploy", "phi", "--limit", "cpu"), "is not KEY=VALUE such as cpu=4"),
        (("deploy", "phi", "--limit", "cpu=many"), "is not KEY=VALUE"),
        (("deploy", "phi", "--limit", "nvidia.com/gpu=0.5"), "GPUs are whole ones"),
        (("deploy", "phi", "--limit", "nvidia.com/gpu=1", "--gpu", "2"), "differ; say one of them"),
        (("deploy", "phi", "--limit", "cpu=1", "--resource-class", "Small"), "either --limit or --resource-class"),
        (("deploy", "phi", "--gpu", "65"), "spec.gpus: must be at most 64, not 65"),
        (("deploy", "phi", "--replicas", "1001"), "replicas must be 0..1000, not 1001"),
        (("deploy", "phi", "--pv-access-mode", "ROX"), "known: ReadWriteOnce (RWO), ReadWriteMany (RWX)"),
        (("deploy", "phi", "--storage-size", "large"), "is no size such as 40Gi"),
        (("deploy", "phi", "--node-port", "31000", "--service-type", "ClusterIP"), "--node-port is of a NodePort"),
        (("deploy", "phi", "--dry-run", "server", "--wait"), "leave one out"),
        (("pull", "echo-nano"), "part of the program"),
        (("nonsense",), "there is no command 'nonsense'"),
    ],
)
def test_what_is_wrong_with_arguments(arguments: tuple[str, ...], part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    failed(in_process(KOLLAMA, *arguments), 2, part)


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("convert", "/nonexistent.yaml"), 1, "No such file"),
        (("deploy", "phi"), 69, "no cluster is known here: there is no /nonexistent"),
    ],
)
def test_failures_without_a_cluster(arguments: tuple[str, ...], code: int, part: str) -> None:
    failed(kollama(*arguments, KUBECONFIG="/nonexistent"), code, part)


def test_an_api_server_that_does_not_answer(control_plane: ControlPlane, tmp_path: Path) -> None:
    config = json.loads(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    failed(kollama("list", "--kubeconfig", str(file)), 69, "the API server https://127.0.0.1:9 does not answer", "is the cluster up")
    config["clusters"][0]["cluster"]["server"] = control_plane.url
    config["users"][0]["user"] = {"token": "nonsense"}
    file.write_text(json.dumps(config))
    failed(kollama("list", "--kubeconfig", str(file)), 1, "does not know who you are")
    failed(kollama("list", "--kubeconfig", str(file), "--context", "other"), 1, "has no context 'other'")


class Foreign(BaseHTTPRequestHandler):
    """Answers everything in one way, as a server that has nothing to do with Kubernetes."""

    answer: tuple[int, bytes] = (200, b"{}")

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PATCH = do_POST = do_DELETE = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("command", ["list", "status phi", "logs phi", "deploy phi --image hf://a/b", "scale phi 2"])
@pytest.mark.parametrize(
    "answer",
    [
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"items": 3}'),
        (200, b"hello"),
        (200, b'"text"'),
        (404, b'{"detail": "Not Found"}'),
        (404, b"<html>"),
    ],
)
def test_a_server_that_is_not_of_kubernetes(answer: tuple[int, bytes], command: str, tmp_path: Path) -> None:
    handler = type("Handler", (Foreign,), {"answer": answer})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            where = {"server": f"http://127.0.0.1:{server.server_address[1]}"}
            config = {
                "clusters": [{"name": "c", "cluster": where}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
            file = tmp_path / "config"
            file.write_text(json.dumps(config))
            done = in_process(KOLLAMA, *command.split(), "--kubeconfig", str(file))
        finally:
            server.shutdown()
            thread.join()
    failed(done, 69, "kubeconfig's context")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, tmp_path: Path) -> None:
    done = kollama("completion", shell, KUBECONFIG="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("deploy", "pv-access-mode", "LoadBalancer", "kollama list -o name"):
        assert word in done.stdout
    if shell != "fish":
        script = tmp_path / "script"
        script.write_text(done.stdout)
        subprocess.run(("bash", "-n", script), check=True)


@pytest.mark.slow
def test_bash_completes_commands_options_values_and_models(k: Kollama, tmp_path: Path) -> None:
    (tmp_path / "kollama").write_text(f'#!/bin/sh\nexec {" ".join(KOLLAMA)} "$@"\n')
    (tmp_path / "kollama").chmod(0o755)
    k("deploy", "phi")
    k("deploy", "qwen")

    def completed(*words: str) -> list[str]:
        script = 'source <(kollama completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kollama; echo "${COMPREPLY[*]}"'
        settings = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(k.kubeconfig)}
        command = ("bash", "-c", script, "bash", "kollama", *words)
        return subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout.split()

    assert completed("un") == ["undeploy"]
    assert completed("deploy", "phi", "--stor") == ["--storage-class", "--storage-size"]
    assert completed("deploy", "phi", "--service-type", "L") == ["LoadBalancer"]
    assert completed("-n", k.namespace, "status", "") == ["phi", "qwen"]
    assert completed("scale", "-n", k.namespace, "p") == ["phi"]
