"""The link of a back end to the mesh's controller: it applies models and keeps their state. It uses gRPC and threads of its own.

A stream brings every change; if it breaks it is reopened, and until then the last known state stands. Feeds `kube.models` and
`cluster.models`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub

_log = logging.getLogger(__name__)

CALL_S = 5.0
RETRY_S = 0.2


class ControllerLostError(EchoratorError):
    """The controller does not answer, or fails."""

    retryable = True


class MeshLink:
    """The link to one controller. One thread makes the calls; `on_change` is called from another."""

    def __init__(self, controller: str, on_change: Callable[[str], None]) -> None:
        """Connect and watch. `on_change` gets the name of a changed model, "" if any may have changed."""
        self._on_change = on_change
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._models: dict[str, pb.MeshModel] = {}
        self._channel = grpc.insecure_channel(controller, options=[("grpc.use_local_subchannel_pool", 1)])
        self._stub: Any = ControllerServiceStub(self._channel)  # type: ignore[arg-type]  # the stub is typed for grpc.aio
        self._stream: Any = None
        self.synced = False
        self._thread = threading.Thread(target=self._watch, name="mesh-link", daemon=True)
        self._thread.start()

    def find(self, name: str) -> pb.MeshModel | None:
        """Return a model as the controller described it last; None if it has none of that name."""
        return self._models.get(name)

    def apply(self, spec: pb.ModelSpec) -> pb.MeshModel:
        """Create or change a model and return it. Raises InvalidRequestError, ControllerLostError."""
        applied: pb.MeshModel = self._call(self._stub.ApplyModel, pb.ApplyModelRequest(spec=spec))
        self._note(applied, applied.generation - 1)
        return applied

    def _note(self, model: pb.MeshModel, newest: int) -> None:
        """Keep the model unless one of a generation above `newest` is known.

        The stream may be behind the reply to a call, and ahead of it in the status.
        """
        with self._lock:
            known = self._models.get(model.spec.name)
            if known is None or known.generation <= newest:
                self._models[model.spec.name] = model

    def delete(self, name: str) -> None:
        """Delete a model; do nothing if there is none. Raises ControllerLostError."""
        with suppress(KeyError):
            self._call(self._stub.DeleteModel, pb.DeleteModelRequest(name=name))
        with self._lock:
            self._models.pop(name, None)

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=CALL_S)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code is grpc.StatusCode.INVALID_ARGUMENT:
                raise InvalidRequestError(details) from error
            if code is grpc.StatusCode.NOT_FOUND:
                raise KeyError(details) from error
            raise ControllerLostError(f"the controller does not answer: {details}") from error

    def _watch(self) -> None:
        while not self._closing.is_set():
            there: set[str] = set()
            self._stream = self._stub.WatchModels(pb.WatchModelsRequest(), wait_for_ready=True)
            try:
                for event in self._stream:
                    name = ""
                    if event.HasField("changed"):
                        name = event.changed.spec.name
                        there.add(name)
                        self._note(event.changed, event.changed.generation)
                    elif event.HasField("deleted"):
                        name = event.deleted
                        self._forget({name})
                    elif event.synced:
                        self._forget(self._models.keys() - there)
                        self.synced = True
                    if self.synced:
                        self._on_change(name)
            except grpc.RpcError as error:
                _log.debug("models not watched", extra={"error": error.details()})
            except Exception:  # noqa: BLE001  without its watch the link would go on with what it knew for ever
                _log.exception("models not watched; the watch begins again")
            self._closing.wait(RETRY_S)

    def _forget(self, names: set[str]) -> None:
        with self._lock:
            for name in names:
                self._models.pop(name, None)

    def close(self) -> None:
        """End the watch and close the connection."""
        self._closing.set()
        if self._stream is not None:
            self._stream.cancel()
        self._channel.close()
        self._thread.join()
