"""The resources of a local cluster as values: a spec, which users apply, and a status, which controllers write.

They are immutable: a change makes another value, so that a thread reads the one it holds without a lock. Feeds `store`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from echorator.model_resource.schema import Spec
from echorator.model_resource.spec import ModelSpec
from echorator.settings import MOST_REPLICAS

API_VERSION = "echorator.dev/v1"
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_WORKER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Kind(enum.StrEnum):
    """The kind of a resource; the value is its name in YAML."""

    CONTAINER = "Container"
    REPLICA_SET = "ReplicaSet"
    SERVICE = "Service"
    MODEL = "Model"


def meets(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Return whether `labels` contain all labels of the selector."""
    return all(labels.get(key) == value for key, value in selector.items())


def written(selector: Mapping[str, str]) -> str:
    """Format a selector as on a command line: a=b,c=d."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


class AgentSpec(Spec):
    """The spec of a container that is an agent of the mesh and serves one model."""

    model: str
    isolation: Literal["Process", "Thread"] = "Process"
    cognition: bool = True


class ContainerSpec(Spec):
    """The spec of a container: either a worker, "package.module:name" of a function or a class, or an agent."""

    worker: str | None = None
    agent: AgentSpec | None = None
    queue_limit: int = Field(10_000, ge=1, le=1 << 24)  # messages that may wait; further ones are refused
    grace_s: float = Field(30.0, ge=0.0, le=100_000.0, alias="terminationGracePeriodSeconds")  # within which the queue is drained

    @field_validator("worker")
    @classmethod
    def _importable(cls, value: str | None) -> str | None:
        if value is not None and not _WORKER.fullmatch(value):
            raise ValueError(f'{value!r} is not an import path such as "package.module:function"')
        return value

    @model_validator(mode="after")
    def _one_thing(self) -> ContainerSpec:
        if (self.worker is None) == (self.agent is None):
            raise ValueError("a container has either a worker or an agent")
        return self


class Selector(Spec):
    """A selector of resources that have all of these labels."""

    match_labels: dict[str, str] = Field(min_length=1)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether a resource with these labels is selected."""
        return meets(labels, self.match_labels)

    def __str__(self) -> str:
        return written(self.match_labels)


class TemplateMetadata(Spec):
    """The metadata of the containers that a replica set creates."""

    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("labels")
    @classmethod
    def _fit(cls, value: dict[str, str]) -> dict[str, str]:
        fault = label_fault(value)
        if fault:
            raise ValueError(fault)
        return value


class Template(Spec):
    """The template of a replica set's containers."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: ContainerSpec


class ReplicaSetSpec(Spec):
    """The spec of a replica set: a number of containers of one template."""

    replicas: int = Field(1, ge=0, le=MOST_REPLICAS)
    selector: Selector
    template: Template

    @model_validator(mode="after")
    def _meets_itself(self) -> ReplicaSetSpec:
        if not self.selector.matches(self.template.metadata.labels):
            raise ValueError(f"the selector {self.selector} does not match template.metadata.labels: its own containers would not count")
        return self


class ServiceSpec(Spec):
    """The spec of a service: one name for all containers that the selector matches."""

    selector: dict[str, str] = Field(min_length=1)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether a container with these labels belongs to the service."""
        return meets(labels, self.selector)

    def __str__(self) -> str:
        return written(self.selector)


AnySpec = ContainerSpec | ReplicaSetSpec | ServiceSpec | ModelSpec
SPECS: dict[Kind, type[ContainerSpec] | type[ReplicaSetSpec] | type[ServiceSpec] | type[ModelSpec]] = {
    Kind.CONTAINER: ContainerSpec,
    Kind.REPLICA_SET: ReplicaSetSpec,
    Kind.SERVICE: ServiceSpec,
    Kind.MODEL: ModelSpec,
}


class ContainerPhase(enum.StrEnum):
    """The phase of a container, as its status shows it."""

    PENDING = "Pending"
    RUNNING = "Running"
    BACKING_OFF = "CrashLoopBackOff"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"


@dataclass(frozen=True)
class Key:
    """The kind and name that identify one resource."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value.lower()}/{self.name}"


@dataclass(frozen=True)
class Resource:
    """A resource with its metadata, spec and status.

    `generation` counts changes of the spec; `resource_version` is the store's version at the last change of any field. When the resource
    `owner`, which created this one, is deleted, this one is deleted too. Times are seconds since 1970; `deleting_s` is 0 unless the
    resource is being deleted.
    """

    key: Key
    spec: AnySpec
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: Key | None = None
    uid: str = ""
    generation: int = 1
    resource_version: int = 0
    created_s: float = 0.0
    deleting_s: float = 0.0
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """The kind of the resource, from its key."""
        return self.key.kind

    @property
    def name(self) -> str:
        """The name of the resource, from its key."""
        return self.key.name


def label_fault(labels: Mapping[str, str]) -> str:
    """Return what is wrong with labels by Kubernetes' rules; "" for nothing."""
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            return f"{key!r} is not a label's name: letters, digits and -_. of at most 63 characters, maybe after a domain and /"
        if not _LABEL_VALUE.fullmatch(value):
            return f"{value!r} is not a label's value: letters, digits and -_. of at most 63 characters"
    return ""
