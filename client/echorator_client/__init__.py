"""A typed client of Echorator: `Client` for ordinary code, `AsyncClient` for asyncio, with the same names."""

from echorator_client.aio import AsyncClient, AsyncStream, AsyncUserMemory
from echorator_client.attempts import Retries
from echorator_client.client import Client, Stream, UserMemory
from echorator_client.errors import (
    AddressError,
    Busy,
    Cancelled,
    DeadlineExceeded,
    Error,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ServerFault,
    ToolError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from echorator_client.requests import ChatOptions
from echorator_client.results import Answer, Memory, MemoryUse, Message, Model, Piece, Recalled, ToolCall, Usage

__version__ = "0.1.0"

__all__ = [
    "AddressError",
    "Answer",
    "AsyncClient",
    "AsyncStream",
    "AsyncUserMemory",
    "Busy",
    "Cancelled",
    "ChatOptions",
    "Client",
    "DeadlineExceeded",
    "Error",
    "InvalidRequest",
    "Memory",
    "MemoryUse",
    "Message",
    "Model",
    "NotFound",
    "PermissionDenied",
    "Piece",
    "Recalled",
    "Retries",
    "ServerFault",
    "Stream",
    "ToolCall",
    "ToolError",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
    "Usage",
    "UserMemory",
]
