"""A real Kubernetes control plane on loopback ports, for what only a real API server decides: validation, conflicts, RBAC, watches."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import requests

from echorator.host.children import dying_with_parent
from echorator.kube.operator import IMAGE_VOLUMES_SINCE
from tests.support.kube_cluster.certificates import Authority, write_signing_keys
from tests.support.kube_cluster.kubeconfigs import certificate_user, token_user, write_kubeconfig
from tests.support.ports import free_port
from tests.support.waiting import STEP_S, looks

START_S = 60.0
COMMAND_S = 120.0
_BUILT_BY = Path(__file__).parents[3] / "tests/kube/controlplane/build.sh"
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_NAMES = ("127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.0.0.1")


def _version(module: str, file: str) -> str:
    found = re.search(rf"^\s*(?:require )?{module} (v\S+)", (_BUILT_BY.parent / file).read_text("utf-8"), re.M)
    assert found is not None
    return found[1]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echorator"


def _modules() -> str:
    """ECHORATOR_TEST_KUBERNETES says whose: "newest" (the default) or "oldest" of the versions that the guide for Kubernetes promises."""
    return {"newest": "go.mod", "oldest": "oldest/go.mod"}[os.environ.get("ECHORATOR_TEST_KUBERNETES", "newest")]


def kubernetes_version() -> str:
    """Of all control planes of this run, such as v1.36.3."""
    return _version("k8s.io/kubernetes", _modules())


def mounts_images() -> bool:
    """Whether this version mounts OCI images as volumes."""
    major, minor, _ = kubernetes_version().removeprefix("v").split(".", 2)
    return (int(major), int(minor)) >= IMAGE_VOLUMES_SINCE


def _programs() -> Path:
    return _cache() / f"kube-{kubernetes_version()}-etcd-{_version('go.etcd.io/etcd/server/v3', _modules())}"


def built() -> dict[str, list[Path]]:
    """What controlplane/build.sh makes, by what a test that uses it is to need (programs.py)."""
    folder = _programs()
    return {
        "kube-apiserver": [folder / program for program in _PROGRAMS],
        "port-forwarder": [port_forwarder()],
        "gateway-api": [gateway_api()],
    }


def port_forwarder() -> Path:
    """The kubelet's end of `kubectl port-forward`, as the source is now; who uses it needs "port-forwarder"."""
    source = (_BUILT_BY.parent / "port-forwarder/main.go").read_bytes()
    return _cache() / f"port-forwarder-{hashlib.sha256(source).hexdigest()[:12]}"


def gateway_api() -> Path:
    """The folder of the Gateway API's definitions, its standard channel; who uses it needs "gateway-api"."""
    return _cache() / f"gateway-api-{_version('sigs.k8s.io/gateway-api', 'gateway-api/go.mod')}"


class ControlPlane:
    """etcd and kube-apiserver, with `controllers` also kube-controller-manager and kube-scheduler; all end with the context."""

    def __init__(self, folder: Path, controllers: bool = False) -> None:
        self.bin = _programs()
        self.folder = folder
        self.controllers = controllers
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        # A child gets its death signal when the thread that started it ends: one thread that stays starts them all.
        self._starter = ThreadPoolExecutor(1, "control-plane")
        folder.mkdir(parents=True, exist_ok=True)
        authority = Authority(folder)
        self.ca = authority.certificate
        self.admin_certificate = authority.client("admin", "system:masters")
        self._server_certificate = authority.server("kube-apiserver", *_NAMES)
        self._signing_key, self._signing_public = folder / "tokens.key", folder / "tokens.pub"
        write_signing_keys(self._signing_key, self._signing_public)
        self.kubeconfig = write_kubeconfig(folder / "admin.kubeconfig", self.url, self.ca, certificate_user(*self.admin_certificate))

    def start(self) -> ControlPlane:
        """Everything; ready when this returns."""
        peer = f"http://127.0.0.1:{free_port()}"
        self._begin(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync=true",
            "--log-level=error",
        )
        self.start_apiserver()
        if self.controllers:
            self._start_controllers()
        return self

    def start_apiserver(self) -> None:
        """Also again, on the same port and data; ready when this returns."""
        certificate, key = self._server_certificate
        admin_certificate, admin_key = self.admin_certificate
        admission = "enable" if self.controllers else "disable"
        self._begin(
            "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            f"--cert-dir={self.folder}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--endpoint-reconciler-type=none",
            f"--client-ca-file={self.ca}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._signing_public}",
            f"--service-account-signing-key-file={self._signing_key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={admin_certificate}",
            f"--kubelet-client-key={admin_key}",
            f"--{admission}-admission-plugins=ServiceAccount",
            "--profiling=false",
        )
        self._wait_until("kube-apiserver", self._is_ready)

    def stop_apiserver(self) -> None:
        """In order: what it has accepted is answered."""
        self._end("kube-apiserver", signal.SIGTERM)

    def kill_apiserver(self) -> None:
        self._end("kube-apiserver", signal.SIGKILL)

    def _start_controllers(self) -> None:
        clients = ("--kube-api-qps=300", "--kube-api-burst=500")
        self._begin(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials=false",
            f"--service-account-private-key-file={self._signing_key}",
            f"--root-ca-file={self.ca}",
            "--pvclaimbinder-sync-period=1s",
            "--node-monitor-period=1s",
            "--horizontal-pod-autoscaler-sync-period=1s",
            "--profiling=false",
            # An EndpointSlice may not list loopback addresses, and the pods here have no others.
            "--controllers=*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller",
            *clients,
        )
        configuration = self.folder / "kube-scheduler.json"
        content = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(self.kubeconfig), "qps": 300, "burst": 500},
            "leaderElection": {"leaderElect": False},
            "podInitialBackoffSeconds": 1,
            "podMaxBackoffSeconds": 1,
        }
        configuration.write_text(json.dumps(content), "utf-8")
        self._begin("kube-scheduler", f"--config={configuration}", "--secure-port=0")
        self._wait_until("kube-controller-manager", self._has_service_account)

    def _begin(self, program: str, *arguments: str) -> None:
        def begin() -> subprocess.Popen[bytes]:
            command = dying_with_parent(str(self.bin / program), *arguments, by=signal.SIGKILL)
            with self._log(program).open("ab") as out:
                return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder)

        self._processes[program] = self._starter.submit(begin).result()

    def _end(self, program: str, number: signal.Signals) -> None:
        process = self._processes.pop(program, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _log(self, program: str) -> Path:
        return self.folder / f"{program}.log"

    def _wait_until(self, program: str, ready: Callable[[], bool]) -> None:
        for _ in looks(START_S):
            if ready():
                return
            ended = self._processes[program].poll()
            if ended is not None:
                break
            time.sleep(STEP_S)
        logs = "\n".join(f"--- {name}\n{self._log(name).read_text('utf-8', 'replace')[-3000:]}" for name in self._processes)
        self.close()
        raise AssertionError(f"{program} is not ready, it {'runs' if ended is None else f'ended with {ended}'}\n{logs}")

    def _answers(self, path: str) -> bool:
        try:
            return requests.get(self.url + path, cert=self._admin, verify=str(self.ca), timeout=5).ok
        except requests.RequestException:
            return False

    @property
    def _admin(self) -> tuple[str, str]:
        certificate, key = self.admin_certificate
        return str(certificate), str(key)

    def _is_ready(self) -> bool:
        return self._answers("/readyz")

    def _has_service_account(self) -> bool:
        return self._answers("/api/v1/namespaces/default/serviceaccounts/default")

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        kubeconfig: Path | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """As the administrator, or as who `kubeconfig` says; with `check` a failure fails the test, with what it said."""
        options = (f"--kubeconfig={kubeconfig or self.kubeconfig}", f"--cache-dir={self.folder / 'kubectl'}")
        command = (str(self.bin / "kubectl"), *options, *args)
        done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=COMMAND_S, check=False)
        assert done.returncode == 0 or not check, f"kubectl {' '.join(args)}: {done.stderr}"
        return done

    def kubeconfig_for(self, namespace: str, service_account: str) -> Path:
        """Of a service account that exists, with a token of its own: what it may do is what RBAC grants."""
        token = self.kubectl("create", "token", service_account, "--namespace", namespace).stdout.strip()
        path = self.folder / f"{namespace}.{service_account}.kubeconfig"
        return write_kubeconfig(path, self.url, self.ca, token_user(token), namespace)

    def close(self) -> None:
        for program in reversed(tuple(self._processes)):
            self._end(program, signal.SIGKILL)
        self._starter.shutdown()

    def __enter__(self) -> ControlPlane:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
