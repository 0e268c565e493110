"""`kollama` as a user of one namespace runs it, and an operator's part in it: the status that its own function makes of what was seen."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echorator.model_resource.conditions import Observed
from echorator.model_resource.status import judged
from tests.support.commands import KOLLAMA, failed, kollama
from tests.support.kube_cluster.control_plane import ControlPlane

Json = dict[str, Any]


@dataclass(frozen=True)
class Kollama:
    """The command, as a user of one namespace."""

    plane: ControlPlane
    namespace: str
    kubeconfig: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        options = ("--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace)
        return subprocess.Popen((*KOLLAMA, *arguments, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments: str, code: int = 0, err: str | None = None) -> str:
        """Its stdout; stderr is one line with `err` where the code is not 0, and nothing, or what `err` says, where it is."""
        options = ("--kubeconfig", str(self.kubeconfig), *(() if "-A" in arguments else ("-n", self.namespace)))
        done = kollama(*arguments[:1], *options, *arguments[1:])
        assert done.returncode == code, done.stderr
        if code:
            failed(done, code, err or "", out=None)
        elif err is None:
            assert done.stderr == ""
        else:
            assert err in done.stderr
        return done.stdout

    def get(self, name: str) -> Json:
        answer = self.plane.kubectl("get", "models.echorator.dev", name, "-n", self.namespace, "-o", "json")
        return dict(json.loads(answer.stdout))

    def tell(self, name: str, seen: Observed, **more: Any) -> None:
        """What an operator writes that saw this."""
        model = self.get(name)
        before, generation = model.get("status") or {}, model["metadata"]["generation"]
        conditions, way = judged(before, seen, generation, False, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        for phase in way:
            status = {
                "phase": phase.value,
                "conditions": conditions,
                "observedGeneration": generation,
                "readyReplicas": seen.serving,
                "replicas": seen.running,
                "servedName": name,
                "endpoint": f"model-{name}.{self.namespace}.svc:50051",
                "download": None,
                **more,
            }
            patch = json.dumps({"status": status})
            options = ("-n", self.namespace, "--subresource=status", "--type=merge", "-p", patch)
            self.plane.kubectl("patch", "models.echorator.dev", name, *options)


PULLING = Observed(fetched_bytes=30 << 20, image_bytes=100 << 20)
READY = Observed(fetched=True, running=1, workload_made=True, registered=True, serving=1, cognition_ready=True)
