"""The resources as they are now, each with a version that is a digest of its bytes.

The same mesh gives the same versions, also after a restart of the controller: a client that reconnects is told nothing new. Built
when a stream asks and the mesh has changed since, so that a burst of changes costs one build.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from google.protobuf import any_pb2

from echorator.controller.xds.mesh_view import MeshView
from echorator.controller.xds.resources import Resources, envoy_resources, grpc_resources, packed, unknown


class Versioned:
    """One resource, packed."""

    __slots__ = ("body", "version")

    def __init__(self, body: any_pb2.Any) -> None:
        self.body = body
        self.version = blake2b(body.value, digest_size=6).hexdigest()


Packed = dict[str, dict[str, Versioned]]  # by type URL, by name


def _packed(resources: Resources) -> Packed:
    return {url: {name: Versioned(packed(message)) for name, message in named.items()} for url, named in resources.items()}


class Snapshot:
    """For all streams of a controller."""

    def __init__(self, view: Callable[[], MeshView]) -> None:
        self._view = view
        self._stale = True
        self._settled = False
        self._mesh = MeshView((), ())
        self._grpc: Packed = {}
        self._envoy: dict[tuple[str, int], Packed] = {}

    def changed(self) -> None:
        """The mesh is another one."""
        self._stale = True

    def settle(self) -> None:
        """The state is rebuilt: what is not known now is unknown. Before that, nothing is said of it."""
        self._settled = True

    def _refresh(self) -> None:
        if self._stale:
            self._stale = False
            mesh = self._view()
            if mesh != self._mesh or not self._grpc:
                self._mesh = mesh
                self._grpc = _packed(grpc_resources(mesh))
                self._envoy.clear()

    def _of(self, listen: tuple[str, int] | None) -> Packed:
        self._refresh()
        if listen is None:
            return self._grpc
        if listen not in self._envoy:
            self._envoy[listen] = _packed(envoy_resources(self._mesh, *listen))
        return self._envoy[listen]

    def select(self, type_url: str, names: frozenset[str] | None, listen: tuple[str, int] | None) -> dict[str, Versioned]:
        """What a client that asked for `names` (None: all) gets of a type.

        `listen` is an Envoy's own address, None for gRPC's clients, which are also told of a model that nobody knows that it is none.
        """
        found = self._of(listen).get(type_url, {})
        if names is None:
            return dict(found)
        chosen = {name: found[name] for name in names if name in found}
        if listen is None and self._settled:
            for name in names - found.keys():
                chosen[name] = Versioned(packed(unknown(type_url, name)))
        return chosen
