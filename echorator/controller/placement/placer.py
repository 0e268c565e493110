"""Reconciles the desired with the observed state, on every change and at least every `reconcile_interval_s`.

Level-based: every pass starts from the full state, so that a lost message, a restart or a returning agent needs no case of its own. Fed by
`service` (the desired models), `fleet` (the observed agents) and `gateways` (the waiting requests); feeds `sessions` with `Desired` for
each agent, and watchers with `pb.MeshModel`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from echorator.backoff import Backoff
from echorator.controller.fleet import AgentRecord, Fleet
from echorator.controller.gateways import Gateways
from echorator.controller.placement.conditions import Condition, Observed, Trouble, conditions_of, gravest
from echorator.controller.placement.placement import Host, Placement, Wanted, place
from echorator.controller.placement.updates import Holder, going_on
from echorator.controller.settings import ControllerSettings
from echorator.controller.store import Store, StoredModel
from echorator.controller.watching import Watchers
from echorator.errors import SYSTEM_ATTEMPTS, EchoratorError, ErrorClass, ModelNotFoundError, class_of_number
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb

_log = logging.getLogger(__name__)

REST = 5.0  # pause before the next pass, as a multiple of the last pass: a thousand agents that join at once cost a few passes
REST_MOST_S = 0.1  # longest such pause
UNFIT = Backoff(first_s=5.0, longest_s=300.0, jitter=(0.8, 1.2))  # how long an agent is left out that failed with a model


@dataclass
class _Unfit:
    """The backoff of an agent that failed with a model: until `until_s`; 0 where it has passed."""

    load_generation: int
    times: int
    until_s: float
    trouble: Trouble


@dataclass
class ModelEntry:
    """A desired model as it is stored, and the message with its status that clients see."""

    stored: StoredModel
    message: pb.MeshModel


class Placer:
    """The control loop of one controller: `run` until cancelled, `wake` after a change."""

    def __init__(
        self, store: Store, fleet: Fleet, gateways: Gateways, settings: ControllerSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._gateways = gateways
        self._settings = settings
        self._clock = clock
        self._models: dict[str, ModelEntry] = {}
        self._desired: dict[str, mesh_pb2.Desired] = {}
        self._unfit: dict[tuple[str, str], _Unfit] = {}
        self._unsaved: set[str] = set()
        self._saving = asyncio.Lock()
        self._revision = 0
        self._woken = asyncio.Event()
        self.desired_changes = Watchers()  # by agent id
        self.model_changes = Watchers()  # by model name
        self.on_pass: Callable[[float], None] = lambda _: None  # called after each pass with its duration in seconds
        fleet.listen(self._agent_changed)

    # Desired models

    def adopt(self, stored: StoredModel) -> pb.MeshModel:
        """Add or replace a model that was stored; the next pass assigns it as its spec demands. Returns its message."""
        known = self._models.get(stored.spec.name)
        message = pb.MeshModel(spec=stored.spec, generation=stored.generation)
        message.created.FromMilliseconds(int(stored.created_s * 1000))
        if known is not None:
            message.status.CopyFrom(known.message.status)
        self._models[stored.spec.name] = ModelEntry(stored, message)
        self.model_changes.notify(stored.spec.name)
        self.wake()
        return message

    def drop(self, name: str) -> None:
        """Remove a model that was deleted from the store; the next pass takes it from its agents."""
        self._models.pop(name, None)
        self._unfit = {key: unfit for key, unfit in self._unfit.items() if key[1] != name}
        self.model_changes.notify(name)
        self.wake()

    def models(self) -> list[pb.MeshModel]:
        """Return all models with their status, sorted by name."""
        return [self._models[name].message for name in sorted(self._models)]

    def find(self, name: str) -> ModelEntry | None:
        """Return the entry of a model; None for an unknown name."""
        return self._models.get(name)

    def get(self, name: str) -> ModelEntry:
        """Return the entry of a model. Raises ModelNotFoundError with the known names (at most 20)."""
        entry = self._models.get(name)
        if entry is None:
            known = ", ".join(sorted(self._models)[:20]) or "none"
            raise ModelNotFoundError(f"no model {name[:128]!r} was applied; known: {known}")
        return entry

    def desired_of(self, agent_id: str) -> mesh_pb2.Desired | None:
        """Return what an agent has to serve; None before the first pass that includes the agent."""
        return self._desired.get(agent_id)

    # Passes

    def wake(self) -> None:
        """Have the next pass run without waiting for the interval."""
        self._woken.set()

    def _agent_changed(self, agent_id: str, urgent: bool) -> None:
        if urgent:
            self._unsaved.add(agent_id)
            self.wake()

    async def run(self) -> None:
        """Run passes until cancelled, and save the agents after each; a failure to save is logged and tried again."""
        while True:
            try:
                async with asyncio.timeout(self._settings.reconcile_interval_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            begin_s = time.perf_counter()
            self.reconcile()
            took_s = time.perf_counter() - begin_s
            self.on_pass(took_s)
            try:
                await self.save_agents()
            except EchoratorError as error:
                _log.error("the known agents cannot be saved", extra={"error": str(error)})
            await asyncio.sleep(min(REST_MOST_S, REST * took_s))

    async def save_agents(self) -> None:
        """Save the agents that changed; agents report their state again after a restart, so a lost save only delays the recovery.

        Saves run one at a time, and a cancelled save is waited for: an older state must not be written after a newer one.
        """
        async with self._saving:
            unsaved, self._unsaved = self._unsaved, set()
            if not unsaved:
                return
            records = [(name, self._fleet.record(name)) for name in unsaved]
            kept = [(pb.Agent.FromString(r.agent.SerializeToString()), r.drain_asked) for _, r in records if r is not None]
            gone = [name for name, record in records if record is None]
            writing = asyncio.create_task(asyncio.to_thread(self._store.put_agents, kept, gone))
            try:
                await asyncio.shield(writing)
            except (EchoratorError, asyncio.CancelledError):
                self._unsaved |= unsaved
                await asyncio.wait((writing,))
                raise

    def reconcile(self) -> None:
        """Run one pass: place the models, update each agent's `Desired` and each model's status, and notify the watchers."""
        records = self._fleet.records()
        self._judge(records)
        hosts = [self._host(r) for r in records if r.state != pb.AGENT_STATE_DRAINING]
        placement = place([self._wanted(entry, records) for entry in self._models.values()], hosts)
        self._tell_agents(records, placement)
        for entry in self._models.values():
            self._describe(entry, records, placement)

    def _wanted(self, entry: ModelEntry, records: list[AgentRecord]) -> Wanted:
        spec = entry.stored.spec
        size = spec.memory_bytes or max((r.models[spec.name].size_bytes for r in records if spec.name in r.models), default=0)
        return Wanted(spec.name, spec.replicas, size)

    def _host(self, record: AgentRecord) -> Host:
        name = record.agent.id
        desired = self._desired.get(name)
        managed = {m.name for m in record.models.values() if m.generation}
        assigned = {m.name for m in desired.models} if desired is not None else managed
        return Host(
            name,
            assigned=frozenset(assigned & self._models.keys()),
            ready=frozenset(model for model in record.models if record.serves(model)),
            own=frozenset(m.name for m in record.models.values() if not m.generation),
            unfit=frozenset(model for (agent, model), unfit in self._unfit.items() if agent == name and unfit.until_s),
            running={m.name: m.busy + m.queued for m in record.models.values()},
            memory_free_bytes=record.agent.memory_free_bytes or None,
            only=record.agent.for_model,
            takes_more=record.connected and record.state == pb.AGENT_STATE_READY,
        )

    def _judge(self, records: list[AgentRecord]) -> None:
        """Start and end the backoffs of agents that failed with a model."""
        now_s = self._clock()
        for key, unfit in list(self._unfit.items()):
            entry = self._models.get(key[1])
            if entry is None or entry.stored.load_generation != unfit.load_generation or self._fleet.record(key[0]) is None:
                del self._unfit[key]
        for record in records:
            for model in record.models.values():
                entry = self._models.get(model.name)
                if entry is None or model.generation != entry.stored.load_generation or model.state != pb.AGENT_MODEL_STATE_FAILED:
                    continue
                kind = class_of_number(int(model.error.kind))
                if kind == ErrorClass.RESOURCE or (kind == ErrorClass.SYSTEM and model.error.attempts >= SYSTEM_ATTEMPTS):
                    self._leave_out(_trouble(record, model.error), entry, now_s)
        for unfit in self._unfit.values():
            if unfit.until_s and now_s >= unfit.until_s:
                unfit.until_s = 0.0  # the agent may be tried again; kept so that the next backoff is longer

    def _leave_out(self, trouble: Trouble, entry: ModelEntry, now_s: float) -> None:
        key = (trouble.agent_id, entry.stored.spec.name)
        unfit = self._unfit.get(key)
        if unfit is not None and unfit.until_s:
            return
        times = unfit.times + 1 if unfit is not None else 1
        wait_s = UNFIT.jittered_s(times, random.random())
        self._unfit[key] = _Unfit(entry.stored.load_generation, times, now_s + wait_s, trouble)
        _log.warning("agent left out for a model", extra={"agent": key[0], "model": key[1], "seconds": round(wait_s, 1)})

    def _tell_agents(self, records: list[AgentRecord], placement: Placement) -> None:
        later = self._later(records, placement)
        for record in records:
            name = record.agent.id
            known = self._desired.get(name)
            told = {model.name: model for model in known.models} if known is not None else {}
            desired = mesh_pb2.Desired(drain=record.drain_asked)
            if record.state == pb.AGENT_STATE_DRAINING and known is not None:
                desired.models.extend(known.models)  # calls may still arrive for a moment, and the drain may be undone
            for model in sorted(placement.by_host.get(name, ())):
                stored = self._models[model].stored
                spec = stored.spec
                if name in later.get(model, ()):
                    desired.models.append(told.get(model) or mesh_pb2.DesiredModel(name=model, generation=record.models[model].generation))
                    continue
                options = spec.options if spec.HasField("options") else None
                desired.models.add(name=model, source=spec.source, options=options, generation=stored.load_generation)
            if known is not None:
                desired.revision = known.revision
                if desired == known:
                    continue
            self._revision += 1
            desired.revision = self._revision
            self._desired[name] = desired
            self.desired_changes.notify(name)
        for name in [name for name in self._desired if self._fleet.record(name) is None]:
            del self._desired[name]

    def _later(self, records: list[AgentRecord], placement: Placement) -> dict[str, frozenset[str]]:
        """Return by model the agents that keep serving its older generation for now, see `updates`."""
        holders: dict[str, list[Holder]] = {}
        changed: set[str] = set()
        for record in records:
            desired = self._desired.get(record.agent.id)
            told = {model.name: model.generation for model in desired.models} if desired is not None else {}
            for name in placement.by_host.get(record.agent.id, ()):
                has = record.models[name].generation if record.serves(name) else None
                if has not in (None, 0, self._models[name].stored.load_generation):
                    changed.add(name)
                holders.setdefault(name, []).append(Holder(record.agent.id, has, told.get(name, 0)))
        return {name: going_on(holders[name], self._models[name].stored.load_generation) for name in changed}

    def _describe(self, entry: ModelEntry, records: list[AgentRecord], placement: Placement) -> None:
        name = entry.stored.spec.name
        serving = [r for r in records if r.serves(name)]
        placed = sum(name in models for models in placement.by_host.values())
        placed += sum(name in r.models and not r.models[name].generation for r in records if r.state != pb.AGENT_STATE_DRAINING)
        reported = [(r, r.models[name]) for r in records if name in r.models and r.models[name].HasField("error")]
        troubles = [_trouble(r, m.error) for r, m in reported if m.generation in (0, entry.stored.load_generation)]
        following = [(r, r.models[name]) for r in serving if r.models[name].HasField("next_error")]
        troubles += [_trouble(r, m.next_error) for r, m in following if m.next_generation == entry.stored.load_generation]
        troubles += [unfit.trouble for (_, model), unfit in self._unfit.items() if model == name and unfit.until_s]
        models = [r.models[name] for r in serving]
        updated = sum(m.generation in (0, entry.stored.load_generation) for m in models)
        observed = Observed(entry.stored.spec.replicas, placed, len(serving), updated, placement.shortages.get(name, ""), troubles)
        status = pb.ModelStatus(
            observed_generation=entry.stored.generation,
            placed=placed,
            ready=len(serving),
            updated=updated,
            digest=next((m.digest for m in models if m.digest), entry.message.status.digest),
            slots=sum(m.slots for m in models),
            busy=sum(m.busy for m in models),
            queued=sum(m.queued for m in models) + self._gateways.held(name),
            size_bytes=max((m.size_bytes for m in models), default=0),
            first_token_p95_s=max((m.first_token_p95_s for m in models), default=0.0),
        )
        trouble = gravest(troubles)
        if trouble is not None:
            kind = f"ERROR_CLASS_{trouble.kind.name}"
            error = pb.MeshError(kind=kind, message=trouble.message, agent_id=trouble.agent_id, attempts=trouble.attempts)
            status.last_error.CopyFrom(error)
        before = {c.type: c for c in entry.message.status.conditions}
        status.conditions.extend(self._stamped(c, before.get(c.type), entry.stored.generation) for c in conditions_of(observed))
        if status != entry.message.status:
            entry.message.status.CopyFrom(status)
            self.model_changes.notify(name)

    def _stamped(self, condition: Condition, before: pb.Condition | None, generation: int) -> pb.Condition:
        status = pb.CONDITION_STATUS_TRUE if condition.holds else pb.CONDITION_STATUS_FALSE
        message = pb.Condition(
            type=condition.type, status=status, reason=condition.reason, message=condition.message, observed_generation=generation
        )
        if before is not None and before.status == status:
            message.last_transition.CopyFrom(before.last_transition)
        else:
            message.last_transition.GetCurrentTime()
        return message


def _trouble(record: AgentRecord, error: pb.MeshError) -> Trouble:
    return Trouble(class_of_number(int(error.kind)), error.message, record.agent.id, error.attempts)
