"""`kubectl echorator`: a real kubectl finds the installed programs on its PATH, runs them and completes with them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.kube.operating import apply_models
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd
from tests.support.kube_cluster.kubeconfigs import certificate_user, write_kubeconfig

SCRIPT = """\
#!{python}
import sys
from {module} import {function}
if __name__ == "__main__":
    sys.exit({function}())
"""


class Kubectl:
    """With the plugin on its PATH; run in one namespace."""

    def __init__(self, plane: ControlPlane, of: str, folder: Path) -> None:
        kubeconfig = write_kubeconfig(folder / "kubeconfig", plane.url, plane.ca, certificate_user(*plane.admin_certificate), of)
        path = f"{folder}:{plane.bin}:{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ("kubectl", *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=self._environment)

    def completed(self, *words: str) -> tuple[list[str], str]:
        """What kubectl's completion offers a shell, without descriptions, and its directive."""
        done = self("__complete", "echorator", *words)
        assert done.returncode == 0, done.stderr
        *choices, directive = done.stdout.splitlines()
        return [choice.partition("\t")[0] for choice in choices], directive


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Kubectl:
    """pyproject's scripts are there as an installer writes them."""
    scripts = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    for name, entry in scripts.items():
        module, _, function = entry.partition(":")
        assert callable(getattr(importlib.import_module(module), function)), name
        (tmp_path / name).write_text(SCRIPT.format(python=sys.executable, module=module, function=function))
        (tmp_path / name).chmod(0o755)
    install_crd(control_plane)
    apply_models(control_plane, namespace, "phi", "qwen")
    return Kubectl(control_plane, namespace, tmp_path)


def test_kubectl_lists_the_plugin_and_runs_it(kubectl: Kubectl) -> None:
    assert "kubectl-echorator" in kubectl("plugin", "list").stdout
    done = kubectl("echorator", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["NAME", "phi", "qwen"]
    done = kubectl("echorator", "scale", "phi", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert kubectl("get", "mdl", "phi", "-o", "jsonpath={.spec.replicas}").stdout == "2"


@pytest.mark.slow
def test_it_calls_itself_as_it_was_called(kubectl: Kubectl) -> None:
    mistakes = {
        ("status", "absent"): (1, "kubectl echorator: error: "),
        ("nosuch",): (2, "kubectl echorator: error: "),
        ("deploy",): (2, "kubectl echorator: error: "),
        ("list", "-n", "default"): (0, "no models in namespace default; kubectl echorator deploy NAME makes one"),
        ("logs", "phi"): (1, "kubectl echorator: error: model/phi has no agents now; kubectl echorator status phi says why"),
        ("deploy", "Phi"): (2, "kubectl echorator deploy phi --image Phi"),
    }
    for words, (code, said) in mistakes.items():
        done = kubectl("echorator", *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
        assert said in done.stderr
        assert "kollama" not in done.stderr
    for command in ((), ("deploy",), ("pull",), ("convert",), ("scale",)):
        done = kubectl("echorator", *command, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(" ".join(("usage: kubectl echorator", *command)))
        assert "kollama" not in done.stdout
    assert "  kubectl echorator deploy phi --wait" in kubectl("echorator", "--help").stdout
    assert kubectl("echorator", "--version").stdout.startswith("kubectl echorator ")


@pytest.mark.slow
def test_kubectl_completes_it(kubectl: Kubectl, namespace: str) -> None:
    no_file, any_file = ":4", ":0"
    assert kubectl.completed("un") == (["undeploy"], no_file)
    assert "deploy" in kubectl.completed("")[0]
    assert kubectl.completed("deploy", "phi", "--stor") == (["--storage-class", "--storage-size"], no_file)
    assert kubectl.completed("deploy", "phi", "--service-type", "L") == (["LoadBalancer"], no_file)
    assert kubectl.completed("deploy", "phi", "--image", "") == ([], no_file)
    assert kubectl.completed("status", "") == (["phi", "qwen"], no_file)
    assert kubectl.completed("-n", namespace, "scale", "q") == (["qwen"], no_file)
    assert kubectl.completed("scale", "-n", "default", "") == ([], no_file)
    assert kubectl.completed("list", "--kubeconfig", "") == ([], any_file)
    assert kubectl.completed("convert", "") == ([], any_file)
    assert kubectl.completed("list", "--kubeconfig", "/nonexistent", "-o", "t") == (["table"], no_file)
    assert kubectl.completed("status", "--kubeconfig", "/nonexistent", "") == ([], no_file)
