"""A whole Kubernetes cluster for tests: the control plane with its controllers, and one node whose pods are processes."""

from __future__ import annotations

from pathlib import Path

from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.process_kubelet import ProcessKubelet


class ProcessCluster(ControlPlane):
    """`kubelet` is its node; all ends with the context."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, controllers=True)
        self.kubelet = ProcessKubelet(self.kubeconfig, folder / "kubelet")

    def start(self) -> ProcessCluster:
        try:
            super().start()
            self.kubelet.start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        try:
            self.kubelet.close()
        finally:
            super().close()

    def __enter__(self) -> ProcessCluster:
        return self.start()
