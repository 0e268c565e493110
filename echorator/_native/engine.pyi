from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from echorator.settings import EngineSettings, Sampling

LLAMA_CPP: str  # llama.cpp's own version
BUILT_FOR: str  # version of llama-cpp-python that the extension was compiled against

class Event(NamedTuple):
    """What one request got since the last drain. Times are seconds of CLOCK_MONOTONIC."""

    request: int
    text: str  # whole characters only; never a part of a stop text
    tokens: list[int]
    logprobs: list[list[tuple[int, float]]]  # per token: the chosen one first, then the n most likely
    finish: str  # "" while it runs, else: stop, length, cancelled, deadline, error
    stop: str  # the stop text that matched
    message: str  # of an "error" finish
    prompt_tokens: int  # this and the following only with a finish
    cached_tokens: int
    completion_tokens: int
    preemptions: int
    submitted_s: float
    admitted_s: float
    first_token_s: float
    finished_s: float

class ModelInfo(NamedTuple):
    architecture: str
    name: str
    description: str
    parameters: int
    size_bytes: int
    trained_context_tokens: int
    embedding_length: int
    vocabulary: int
    quantisation: str
    chat_template: str
    bos: str
    eos: str
    add_bos: bool
    add_eos: bool
    recurrent: bool
    hybrid: bool
    sliding_window: int
    generates: bool
    gpu_offload: bool

class Model:
    """The weights and vocabulary of one GGUF file; thread-safe once loaded."""

    info: ModelInfo
    def __init__(self, settings: EngineSettings, on_progress: Callable[[float], None] | None = None) -> None:
        """Load, without the GIL. Raises ModelFileError."""
    def tokenize(self, text: str, add_special: bool = True, parse_special: bool = False) -> list[int]: ...
    def detokenize(self, tokens: Sequence[int], special: bool = False) -> str: ...
    def token_bytes(self, token: int, special: bool = False) -> bytes: ...
    def check_grammar(self, grammar: str) -> None:
        """Raises InvalidRequestError when llama.cpp cannot parse the GBNF text."""
    def metadata(self) -> dict[str, str]:
        """All scalar GGUF metadata as text."""

class Engine:
    """One context and one decode thread over a model. Every method may be called from any thread."""

    context_tokens: int  # the longest prompt + answer of one request
    slots: int
    kv_layout: str  # unified | separate
    whole_state: bool  # memory that cannot be cut at any position (sliding window, recurrent, hybrid)
    event_fd: int  # becomes readable when events wait; drain() clears it
    def __init__(self, model: Model, settings: EngineSettings) -> None:
        """Allocate the context and start the thread. Raises ModelFileError, ResourceError."""
    def submit(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        max_tokens: int = -1,
        stop: Sequence[str] = (),
        ignore_eos: bool = False,
        priority: int = 0,
        deadline_s: float = 0.0,  # CLOCK_MONOTONIC; 0 = none
        logprobs: int = -1,  # -1 = none
        use_cache: bool = True,
        scope: int = 0,
    ) -> int:
        """Queue a request, return its id; cells are shared only with requests of the same `scope`.

        Raises InvalidRequestError, ContextOverflowError, QueueFullError, DrainingError."""
    def cancel(self, request: int) -> None:
        """Ends it within one step, with a final "cancelled" event; unknown and finished ids are ignored."""
    def forget_scope(self, scope: int) -> None:
        """Drop what the prefix cache has of this scope, before the next step."""
    def drain(self) -> list[Event]: ...
    def stop_admission(self) -> None:
        """From now on submit raises DrainingError; queued and running requests go on."""
    def close(self) -> None:
        """Cancel what runs, join the thread, free the context. Idempotent."""
    def slots_state(self) -> list[dict[str, int | str]]: ...
    def stats(self) -> dict[str, float]: ...

class Embedder:
    """A context of its own for embeddings; calls are serialised inside."""

    length: int
    max_tokens: int  # of one input
    def __init__(self, model: Model, settings: EngineSettings, pooling: str = "") -> None: ...
    def embed(self, inputs: Sequence[Sequence[int]], normalize: bool = True) -> npt.NDArray[np.float32]:
        """(n, length) float32, in order; without the GIL. Raises InvalidRequestError, ContextOverflowError."""
    def close(self) -> None: ...
