"""The current resources, each with a version that is a digest of its bytes.

The same mesh gives the same versions, also after a restart of the controller, so that a client that reconnects sees no change. The
resources are built when a stream asks and the mesh has changed since, so that a burst of changes costs one build. Fed by `mesh_view`; feeds
`ads`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from google.protobuf import any_pb2

from echorator.controller.xds.mesh_view import MeshView
from echorator.controller.xds.resources import Resources, envoy_resources, grpc_resources, packed
from echorator.controller.xds.unknown_model import unknown


class Versioned:
    """A packed resource with its version, a digest of its bytes."""

    __slots__ = ("body", "version")

    def __init__(self, body: any_pb2.Any) -> None:
        self.body = body
        self.version = blake2b(body.value, digest_size=6).hexdigest()


Packed = dict[str, dict[str, Versioned]]  # by type URL, by name


def _packed(resources: Resources) -> Packed:
    return {url: {name: Versioned(packed(message)) for name, message in named.items()} for url, named in resources.items()}


class Snapshot:
    """The resources for all streams of a controller."""

    def __init__(self, view: Callable[[], MeshView]) -> None:
        self._view = view
        self._stale = True
        self._settled = False
        self._mesh = MeshView((), ())
        self._grpc: Packed = {}
        self._envoy: dict[tuple[str, int], Packed] = {}

    def changed(self) -> None:
        """Mark the resources as stale, so that the next read rebuilds them."""
        self._stale = True

    def settle(self) -> None:
        """Treat names that are not known as unknown models from now on; before the state was rebuilt, they get no answer."""
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

    def names(self) -> list[str]:
        """Return the names of the models, in order."""
        self._refresh()
        return [route.name for route in self._mesh.routes]

    def select(
        self,
        type_url: str,
        names: frozenset[str] | None,
        listen: tuple[str, int] | None = None,
        controller: tuple[str, int] | None = None,
    ) -> dict[str, Versioned]:
        """Return the resources of a type that a client gets.

        Args:
            type_url: the type of the resources.
            names: the names that the client asked for; None for all.
            listen: an Envoy's own address; None for gRPC's clients, which also get the resources of `unknown_model` for unknown names.
            controller: the address by which such a client reaches the controller; None where its bootstrap does not say.
        """
        found = self._of(listen).get(type_url, {})
        if names is None:
            return dict(found)
        chosen = {name: found[name] for name in names if name in found}
        if listen is None and self._settled:
            for name in names - found.keys():
                chosen[name] = Versioned(packed(unknown(type_url, name, controller)))
        return chosen
