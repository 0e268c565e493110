"""The values that a pass has of one Model after it observed it. Pure.

`surroundings` makes them; `reconciler` takes the step by them, and `applying` performs the actions with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.kube.api.resources import Object
from echorator.kube.models.children import Wanted
from echorator.kube.models.observation import Around
from echorator.model_resource.conditions import Observed
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.lifecycle import Asked


class NotOursError(InvalidRequestError):
    """The error for an object whose name is taken by an object of another owner."""


@dataclass(frozen=True)
class Seen:
    """One Model and what is around it, at one moment."""

    model: Object
    asked: Asked
    observed: Observed
    hindrance: EchoratorError | None = None  # why nothing may be done for it. Invariant: not None where observed.hindered
    spec: KubeModelSpec | None = None  # None: the spec cannot be read, or the Model is being deleted
    around: Around | None = None  # Invariant: None exactly where `spec` is None
    wanted: Wanted = field(default_factory=Wanted)  # what its objects should be; empty where `spec` is None
    recommended: tuple[int, float] = (0, 0.0)  # what `Autoscaling.recommended` returned; nothing where `spec` is None
