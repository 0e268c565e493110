"""The roots of Echorator's errors: which are worth a retry, and which class a reconciler treats them as.

Used by every layer: native and third-party errors are translated into these at the edge, `service.py` files
turn them into gRPC statuses and `cli/` turns them into exit codes.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class EchoratorError(Exception):
    """The root of all errors of Echorator.

    `retryable` says whether the same call may succeed later without a change; `ours`, for the log, whether the fault lies with the servers,
    None: as the status says with which the call ends.
    """

    retryable = False
    ours: ClassVar[bool | None] = None


class InvalidRequestError(EchoratorError):
    """The request cannot be served in this form; the message says what to change."""


class ContextOverflowError(InvalidRequestError):
    """The prompt does not fit the context; the message has both lengths.

    `prompt_tokens` are the tokens of the prompt, or the least that it can have, `context_tokens` how many fit; 0 where they are not known.
    """

    def __init__(self, message: str, prompt_tokens: int = 0, context_tokens: int = 0) -> None:
        super().__init__(message)
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class TemplateError(InvalidRequestError):
    """The chat template of the model is broken, refused by the sandbox, or refuses these messages."""


class ModelFileError(InvalidRequestError):
    """The file is missing, not a GGUF, damaged, or not a model that llama.cpp can run."""


class ModelNotFoundError(EchoratorError):
    """No model of the requested name is loaded."""


class QueueFullError(EchoratorError):
    """The admission queue is full; the call may be repeated after `retry_after_s` seconds."""

    retryable = True

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DrainingError(EchoratorError):
    """The server or the model is shutting down; another server may take the call."""

    retryable = True
    ours = False  # whoever stops a server ends its open streams; that is no fault to be warned of


class ResourceError(EchoratorError):
    """Memory, a device or a file handle was not available."""


class EngineError(EchoratorError):
    """llama.cpp failed while it computed; the request is lost, the engine keeps running."""

    retryable = True


class ErrorClass(enum.IntEnum):
    """The classes of failures that a reconciler distinguishes; the numbers are those of `ErrorClass` in controller.proto."""

    TRANSIENT = 1  # retry with exponential backoff
    CONFIGURATION = 2  # show the failure, and do not retry until the desired state is changed
    RESOURCE = 3  # clean up, and try on another machine
    SYSTEM = 4  # retry; after SYSTEM_ATTEMPTS failures leave the machine out


SYSTEM_ATTEMPTS = 3  # failures of class SYSTEM on one machine, after which another machine is tried


def class_of_number(number: int) -> ErrorClass:
    """Return the class with this number, as a message has it; SYSTEM for a number that this version does not know."""
    return ErrorClass(number) if number in set(ErrorClass) else ErrorClass.SYSTEM


def class_of(error: BaseException) -> ErrorClass:
    """Return the class by which a failed load or unload is treated."""
    if isinstance(error, (InvalidRequestError, ModelNotFoundError)):
        return ErrorClass.CONFIGURATION
    if isinstance(error, (ResourceError, MemoryError, OSError)):
        return ErrorClass.RESOURCE
    if isinstance(error, EchoratorError) and error.retryable and not isinstance(error, EngineError):
        return ErrorClass.TRANSIENT
    return ErrorClass.SYSTEM
