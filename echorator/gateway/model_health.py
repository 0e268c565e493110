"""The health of each model, published as the service `echorator.v1.ModelService/NAME` of the gRPC health service.

A model is SERVING while an agent is ready for it, NOT_SERVING while it is known and no agent is ready (also while it is scaled to zero,
although its first request wakes it), and unknown otherwise. Fed by `fleet_view`, whose changes it passes on to `fleet`; feeds the
server's health service.
"""

from __future__ import annotations

from echorator.gateway.fleet_view import Listener
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.health import Health, model_service


class ModelHealth:
    """A listener of the fleet that passes every change on to the next listener. It publishes nothing before `start`."""

    def __init__(self, then: Listener) -> None:
        self._then = then
        self._health: Health | None = None
        self._on_agents: dict[str, dict[str, bool]] = {}  # by agent id: its models, and whether it is ready for each
        self._wanted: set[str] = set()
        self._told: dict[str, bool] = {}

    def start(self, health: Health) -> None:
        """Publish to `health` from now on, beginning with the models that are known already."""
        self._health = health
        self._tell()

    def state(self) -> dict[str, bool]:
        """Return the known models, and whether one of their agents is ready."""
        serving = dict.fromkeys(self._wanted, False)
        for models in self._on_agents.values():
            for name, ready in models.items():
                serving[name] = serving.get(name, False) or ready
        return serving

    def _tell(self) -> None:
        if self._health is None:
            return
        now = self.state()
        for name in self._told.keys() - now.keys():
            self._health.forget(model_service(name))
        for name, serving in now.items():
            if self._told.get(name) != serving:
                self._health.set(model_service(name), serving)
        self._told = now

    # See `fleet_view.Listener`

    def held(self) -> dict[str, int]:
        """Return what the next listener holds: the waiting requests by model."""
        return self._then.held()

    def agent_changed(self, agent: pb.Agent) -> None:
        """Pass an agent on; republish only where its readiness changed, as most reports change only the load."""
        up = agent.state == pb.AGENT_STATE_READY
        models = {model.name: up and model.state == pb.AGENT_MODEL_STATE_READY and model.slots > 0 for model in agent.models}
        changed = self._on_agents.get(agent.id) != models
        self._on_agents[agent.id] = models
        self._then.agent_changed(agent)
        if changed:
            self._tell()

    def agent_removed(self, agent_id: str) -> None:
        """Pass the end of an agent on, and publish the models that lost it."""
        self._on_agents.pop(agent_id, None)
        self._then.agent_removed(agent_id)
        self._tell()

    def model_changed(self, model: pb.MeshModel) -> None:
        """Pass a model on, and publish it if it is new."""
        self._wanted.add(model.spec.name)
        self._then.model_changed(model)
        self._tell()

    def model_removed(self, name: str) -> None:
        """Pass a deleted model on; it becomes unknown once no agent has it."""
        self._wanted.discard(name)
        self._then.model_removed(name)
        self._tell()
