"""The roots of Echorator's errors, and which of them are worth a retry.

Feeds every layer: native code and third-party errors are translated into these at the edge, `service.py` files
turn them into gRPC statuses and `cli/` into exit codes.
"""

from __future__ import annotations


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
