"""Reports an agent's load in the trailers of each answer (ORCA), which gRPC's weighted round robin weighs agents by.

A client weighs an agent by requests per second over utilisation (`client_side_weighted_round_robin` in gRPC's A58).
"""

from __future__ import annotations

import time

from xds.data.orca.v3 import orca_load_report_pb2

TRAILER = "endpoint-load-metrics-bin"
WINDOW_S = 1.0


class LoadReport:
    """The load of one model: its rate of ended calls over the last WINDOW_S, and the utilisation of its slots."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._calls = 0
        self._rate = 0.0

    def trailer(self, running: int, slots: int) -> tuple[str, bytes]:
        """Count one ended call and return its ORCA trailer, for `running` requests, queued ones included, on `slots`."""
        self._calls += 1
        passed_s = time.monotonic() - self._began_s
        if passed_s >= WINDOW_S or not self._rate:
            self._rate = self._calls / max(passed_s, 0.01)
        if passed_s >= WINDOW_S:
            self._began_s, self._calls = time.monotonic(), 0
        utilisation = max(0.01, running / max(1, slots))
        report = orca_load_report_pb2.OrcaLoadReport(application_utilization=utilisation, rps_fractional=self._rate)
        return TRAILER, report.SerializeToString()
