"""The roots of Echorator's errors, which of them are worth a retry, and what a reconciler does about each.

Feeds every layer: native code and third-party errors are translated into these at the edge, `service.py` files
turn them into gRPC statuses and `cli/` into exit codes.
"""

from __future__ import annotations

import enum


class EchoratorError(Exception):
    """Root. `retryable` says whether the same call may succeed later without a change."""

    retryable = False


class InvalidRequestError(EchoratorError):
    """The request cannot be served as it stands; the message says what to change."""


class ContextOverflowError(InvalidRequestError):
    """The prompt does not fit the context; the message carries both numbers."""


class TemplateError(InvalidRequestError):
    """The chat template of the model is broken, refused by the sandbox, or refuses these messages."""


class ModelFileError(InvalidRequestError):
    """The file is missing, not a GGUF, damaged, or not a model that llama.cpp can run."""


class ModelNotFoundError(EchoratorError):
    """No model of that name is loaded."""


class QueueFullError(EchoratorError):
    """The admission queue is at its limit; try again after `retry_after_s`."""

    retryable = True

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DrainingError(EchoratorError):
    """The server or the model is shutting down; try another server."""

    retryable = True


class ResourceError(EchoratorError):
    """Memory, a device or a file handle could not be had."""


class EngineError(EchoratorError):
    """llama.cpp failed while it computed; the request is lost, the engine goes on."""

    retryable = True


class ErrorClass(enum.IntEnum):
    """What a reconciler does after a failure; the numbers are those of `ErrorClass` in controller.proto."""

    TRANSIENT = 1  # try again after a while, longer each time
    CONFIGURATION = 2  # show it, and do not try again until the wish is changed
    RESOURCE = 3  # clean up, and try on another machine
    SYSTEM = 4  # try again; after three times leave the machine out


def class_of(error: BaseException) -> ErrorClass:
    """How a failed load or unload is to be treated."""
    if isinstance(error, (InvalidRequestError, ModelNotFoundError)):
        return ErrorClass.CONFIGURATION
    if isinstance(error, (ResourceError, MemoryError, OSError)):
        return ErrorClass.RESOURCE
    if isinstance(error, EchoratorError) and error.retryable and not isinstance(error, EngineError):
        return ErrorClass.TRANSIENT
    return ErrorClass.SYSTEM
