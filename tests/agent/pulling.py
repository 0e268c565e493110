"""What agents of tests get their models with."""

from __future__ import annotations

from pathlib import Path

from echorator.images.puller import Puller
from echorator.images.store import Store


def no_pulls() -> Puller:
    """For agents whose models are files of this machine."""
    nowhere = Path("/nonexistent")
    return Puller(Store(nowhere), [], offline=True)
