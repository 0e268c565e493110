"""Which cluster `kollama` and `echorator operator` mean, where it is none: the same one line of both, and nothing of the client library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMANDS = {"kollama": ("echorator.cli.kollama.program", "list"), "echorator": ("echorator", "operator")}
NOT_THERE = "no cluster is known here: there is no /nonexistent; set KUBECONFIG, or name a file with --kubeconfig"
NO_POD = "the service account of this pod does not lead to a cluster: Service host/port is set but empty."
NO_KUBECONFIG = "{file} is no kubeconfig; correct it, or name another one with --kubeconfig"
LEADS_NOWHERE = "{file} does not lead to a cluster:"
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", "echo log in again >&2; exit 3"]}


def kubeconfig(cluster: dict[str, Any], user: dict[str, Any], current: str = "here") -> bytes:
    content = {
        "current-context": current,
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }
    return json.dumps(content).encode()


NOBODY = {"server": "https://127.0.0.1:9"}
FILES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 69, NO_KUBECONFIG),
    "a word": (b"hello", 69, NO_KUBECONFIG),
    "no YAML": (b"a: [b", 69, NO_KUBECONFIG),
    "no text": (b"\xff\xfe\x00", 69, NO_KUBECONFIG),
    "a cluster of nothing": (kubeconfig({}, {}), 69, NO_KUBECONFIG),
    "no context": (b"{}", 69, f"{LEADS_NOWHERE} Invalid kube-config file. Expected key current-context in {{file}}"),
    "an absent authority": (
        kubeconfig({**NOBODY, "certificate-authority": "/nonexistent"}, {}),
        69,
        f"{LEADS_NOWHERE} File does not exists: /nonexistent",
    ),
    "a plugin that fails": (kubeconfig(NOBODY, {"exec": PLUGIN}), 69, f"{LEADS_NOWHERE} exec: process returned 3. log in again"),
    "another context": (
        kubeconfig(NOBODY, {}, "there"),
        1,
        "the kubeconfig has no context 'there'; kubectl config get-contexts lists them",
    ),
}


def ended(program: str, *options: str, **environment: str) -> tuple[int, str, str]:
    """Its exit code, and all that it printed."""
    known = {key: value for key, value in os.environ.items() if key != "KUBERNETES_SERVICE_HOST"}
    done = subprocess.run(
        (sys.executable, "-P", "-m", *COMMANDS[program], *options),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**known, **environment},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("program", COMMANDS)
def test_where_there_is_no_kubeconfig(program: str) -> None:
    said = (69, "", f"{program}: error: {NOT_THERE}\n")
    assert ended(program, KUBECONFIG="/nonexistent") == said
    assert ended(program, "--kubeconfig", "/nonexistent") == said
    pod = {"KUBERNETES_SERVICE_HOST": "", "KUBERNETES_SERVICE_PORT": ""}
    assert ended(program, "--kubeconfig", "/nonexistent", **pod) == said
    assert ended(program, KUBECONFIG="/nonexistent", **pod) == (69, "", f"{program}: error: {NO_POD}\n")


@pytest.mark.parametrize("program", COMMANDS)
@pytest.mark.parametrize("name", FILES)
def test_kubeconfigs_that_lead_to_no_cluster(program: str, name: str, tmp_path: Path) -> None:
    content, code, said = FILES[name]
    file = tmp_path / "config"
    file.write_bytes(content)
    assert ended(program, KUBECONFIG=str(file)) == (code, "", f"{program}: error: {said.format(file=file)}\n")


@pytest.mark.parametrize("program", COMMANDS)
def test_a_context_that_is_not_there(program: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_bytes(kubeconfig(NOBODY, {}))
    said = f"{program}: error: the kubeconfig has no context 'other'; kubectl config get-contexts lists them\n"
    assert ended(program, "--kubeconfig", str(file), "--context", "other") == (1, "", said)
