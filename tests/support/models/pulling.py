"""The puller of agents whose models are files of this machine."""

from __future__ import annotations

from pathlib import Path

from echorator.model_files.puller import Puller, PullSettings
from echorator.model_files.store import Store


def no_pulls() -> Puller:
    """For agents whose models are files of this machine."""
    nowhere = Path("/nonexistent")
    return Puller(Store(nowhere), settings=PullSettings(offline=True))
