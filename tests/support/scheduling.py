"""Which tests of a parallel run share a worker, and which begin first.

A file's tests stay together, because they share fixtures that are slow to make. All tests that share a control plane are one unit as well,
so that etcd and kube-apiserver are started once for each of the two and not once for each worker. Units that took long in the run that
bench/TESTS.md records begin first; else the last one would keep one worker busy while the others have nothing left.

Fed by conftest.py, with the node ids that the workers have collected.
"""

from __future__ import annotations

import re

from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.support.durations import recorded_seconds

MOST_WORKERS = 4  # beyond that the two units of Kubernetes are what a run lasts

# Fixture: the files whose tests use it.
SHARED = {
    "cluster": re.compile(r"tests/kube/(whole|process_cluster)/|tests/cli/kollama/test_(logs|port_forward)\.py"),
    "control_plane": re.compile(r"tests/kube/(api|install|models|webhooks)/|tests/cli/kollama/|tests/cli/test_kubectl_plugin\.py"),
}


def unit_of(nodeid: str) -> str:
    """Return the name of what must run on one worker with the test: a fixture of SHARED, or its file."""
    file = nodeid.partition("::")[0]
    return next((fixture for fixture, files in SHARED.items() if files.match(file)), file)


class Units(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out units, those with the most recorded seconds first, then those with the most tests."""

    _seconds: dict[str, float] | None = None

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self._seconds is None:
            self._seconds = {}
            for file, seconds in recorded_seconds().items():
                unit = unit_of(file)
                self._seconds[unit] = self._seconds.get(unit, 0.0) + seconds
        known = self._seconds
        first = max(self.workqueue, key=lambda unit: (unit in SHARED, known.get(unit, 0.0), len(self.workqueue[unit])))
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
