"""Measures the operator with 1,000 Models on a real API server: how soon their objects exist, with how many calls, at what cost.

    python -m bench.kube.scale

The peer is a plain loop of the kind that is written first: kubernetes-asyncio's own watch of Models, and for each event every child is
read, then created or patched, then the status written. It makes the same objects. etcd and kube-apiserver are those of the tests
(`bash tests/kube/controlplane/build.sh`), each run has new ones; nothing turns the objects into pods.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import requests

from bench.parts import Part, Table, wait_until
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd
from tests.support.ports import free_port

MODELS = 1000
NAMESPACE = "bench"
MAKERS = 8  # connections that make Models
CONVERGE_S = 900.0
QUIET_S = 20.0
RESYNC_S = 5.0
SPEC = {"image": "echo-nano", "cognition": {"enabled": False}}
OPERATOR, PLAIN = "operator", "plain loop"


class Measured:
    """One of the two programs, and what it has cost so far."""

    def __init__(self, what: str, part: Part, port: int) -> None:
        self.what = what
        self.part = part
        self._port = port

    def settled(self) -> bool:
        """Return whether the program has made calls, and none in the last second."""
        before = self.calls()
        time.sleep(1)
        return before >= 1 and self.calls() == before

    def runs(self) -> bool:
        """Check that the program still runs. Raises SystemExit with its last output where it has ended."""
        if self.part.popen.poll() is not None:
            raise SystemExit(f"the {self.what} ended: {self.part.said()[-2000:]}")
        return True

    def calls(self) -> float:
        """Return its calls of the API server, without those that renew the lease, which are its only PUTs."""
        try:
            text = requests.get(f"http://127.0.0.1:{self._port}/metrics", timeout=30).text
        except requests.ConnectionError:
            return 0.0  # it starts
        found = re.findall(r'^rest_client_requests_total\{[^}]*method="(\w+)"[^}]*\} (\S+)$', text, re.MULTILINE)
        return sum(float(value) for method, value in found if method != "PUT")


class Api:
    """A client of the API server, apart from the measured programs."""

    def __init__(self, plane: ControlPlane) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would go before `verify`
        self._session.cert = (str(plane.admin_certificate[0]), str(plane.admin_certificate[1]))
        self._session.verify = str(plane.ca)
        self._url = plane.url

    def make(self, number: int) -> None:
        """Create the Model with this number."""
        model = {
            "apiVersion": "echorator.dev/v1",
            "kind": "Model",
            "metadata": {"name": f"m{number}", "namespace": NAMESPACE},
            "spec": SPEC,
        }
        made = self._session.post(f"{self._url}/apis/echorator.dev/v1/namespaces/{NAMESPACE}/models", json=model, timeout=60)
        made.raise_for_status()

    def count(self, group: str, kind: str) -> int:
        path = f"{self._url}/{group}/namespaces/{NAMESPACE}/{kind}"
        answer = self._session.get(path, params={"limit": "1"}, timeout=30).json()
        return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount") or 0)

    def deploying(self) -> int:
        """Return the number of Models whose phase is ModelDeploying."""
        answer = self._session.get(f"{self._url}/apis/echorator.dev/v1/namespaces/{NAMESPACE}/models", timeout=60).json()
        return sum((item.get("status") or {}).get("phase") == "ModelDeploying" for item in answer["items"])

    def converged(self, models: int) -> bool:
        time.sleep(0.25)  # asked without an end, the API server would have less time for what is measured
        if self.count("api/v1", "services") < 2 * models or self.count("apis/apps/v1", "deployments") < models:
            return False
        return self.count("apis/networking.k8s.io/v1", "networkpolicies") >= models and self.deploying() >= models


def run(what: str, models: int, table: Table) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name) / "plane") as plane, ExitStack() as stack:
        folder, port, mesh = Path(name), free_port(), free_port()
        install_crd(plane)
        plane.kubectl("create", "namespace", NAMESPACE)
        controller = ("controller", "--port", str(mesh), "--data", str(folder / "data"))
        Part(stack, folder / "controller.log", sys.executable, "-m", "echorator", *controller)
        if what == OPERATOR:
            reached = ("--kubeconfig", str(plane.kubeconfig), "--controller", f"127.0.0.1:{mesh}", "--memory-server", "")
            options = ("--system-namespace", NAMESPACE, "--port", str(port), "--resync", str(RESYNC_S), "--log-level", "warning")
            command = ["-m", "echorator", "operator", *reached, *options]
        else:
            command = ["-m", "bench.kube.plain", str(plane.kubeconfig), NAMESPACE, str(port)]
        part = Part(stack, folder / "log", sys.executable, *command, says="/metrics")
        return measure(Measured(what, part, port), plane, models, table)


def measure(it: Measured, plane: ControlPlane, models: int, table: Table) -> dict[str, float]:
    api = Api(plane)
    wait_until(lambda: it.settled(), "it watches, and asks nothing more")
    calls, cpu_s = it.calls(), it.part.cpu_s()
    begun = time.monotonic()
    with ThreadPoolExecutor(MAKERS) as makers:
        list(makers.map(api.make, range(models)))
    made_s = time.monotonic() - begun
    wait_until(lambda: it.runs() and api.converged(models), "it converged", CONVERGE_S)
    found = {"time": time.monotonic() - begun, "API calls": it.calls() - calls, "CPU": it.part.cpu_s() - cpu_s}
    found["memory"] = it.part.resident_mb()
    each = found["API calls"] / models
    ours = it.what == OPERATOR
    table.row(f"{it.what}: from the first of {models} Models made, which took {made_s:.1f} s, to all converged", f"{found['time']:.1f} s")
    table.row(f"{it.what}: API calls for each Model", f"{each:.2f}", "<= 12" if ours else "", each <= 12 if ours else None)
    table.row(f"{it.what}: processor time and memory", f"{found['CPU']:.1f} s, {found['memory']:.0f} MB")
    calls, cpu_s = it.calls(), it.part.cpu_s()
    time.sleep(QUIET_S)
    quiet, cores = it.calls() - calls, (it.part.cpu_s() - cpu_s) / QUIET_S
    said = f"{it.what}: calls in {QUIET_S:.0f} s without a change" + (f", with a resync each {RESYNC_S:.0f} s" if ours else "")
    table.row(said, f"{quiet:.0f}, {cores:.3f} cores", "0" if ours else "", quiet == 0 if ours else None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=(OPERATOR, PLAIN), help="one of the two")
    parser.add_argument("--models", type=int, default=MODELS, help=f"[{MODELS}]")
    arguments = parser.parse_args()
    table = Table("`python -m bench.kube.scale`")
    found = {what: run(what, arguments.models, table) for what in (OPERATOR, PLAIN) if arguments.only in (None, what)}
    if len(found) == 2:
        for what, value in found[OPERATOR].items():
            table.row(f"{PLAIN} / {OPERATOR}: {what}", f"{found[PLAIN][what] / value:.2f} x")


if __name__ == "__main__":
    main()
