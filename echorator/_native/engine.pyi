from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from echorator.settings import EngineSettings, Sampling

LLAMA_CPP: str  # llama.cpp's own version
BUILT_FOR: str  # version of llama-cpp-python that the extension was compiled against

class Event(NamedTuple):
    """The output of one request since the last drain. Times are seconds of CLOCK_MONOTONIC."""

    request: int
    text: str  # whole characters only; never a part of a stop text
    tokens: list[int]
    logprobs: list[list[tuple[int, float]]]  # per token: the chosen one first, then the n most likely
    prompt_logprobs: list[list[tuple[int, float]]]  # of the prompt's tokens, in order; the first one has no probability: (token, 0.0)
    finish: str  # "" while it runs, else: stop, length, cancelled, deadline, error, refused (for what the request itself asks)
    stop: str  # the stop text that matched
    message: str  # of a finish "error" or "refused"
    end_token: int  # the token that ended the text; -1 where a stop text, a limit or a grammar ended it
    prompt_tokens: int  # this and the following only with a finish
    cached_tokens: int
    completion_tokens: int
    thought_tokens: int
    preemptions: int
    submitted_s: float
    admitted_s: float
    first_token_s: float
    finished_s: float

class Watch(NamedTuple):
    """What the engine looks for in the text of an answer. A thought stands between two markers."""

    thought_open: str = ""  # "": the model does not begin a thought by itself
    thought_close: str = ""
    in_thought: bool = False  # the prompt ends within a thought
    triggers: Sequence[str] = ()  # the grammar sleeps until one of them comes outside a thought, and begins with it; (): it is awake
    wakes: bool = False  # without triggers: the grammar sleeps until the thought has ended in which the prompt ends
    spelled: Sequence[int] = ()  # control tokens that are written out in the text
    thought_end: Sequence[int] = ()  # tokens that are put where a thought has `thought_budget` tokens
    thought_budget: int = -1  # tokens; -1: no bound

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
    ranks: bool  # a reranker: its file names rank pooling
    gpu_offload: bool

class TokenMarks(NamedTuple):
    """Ids of the tokens that stand around texts, -1 where the vocabulary has none, and which of them the model wants."""

    bos: int
    eos: int
    sep: int  # between two texts
    fim_prefix: int  # of fill-in-the-middle: the text before the gap follows
    fim_suffix: int  # the text behind the gap follows
    fim_middle: int  # what fills the gap follows
    fim_repository: int  # the name of a repository follows
    fim_file: int  # the name of a file and its text follow
    add_bos: bool
    add_eos: bool
    add_sep: bool

class SpecialToken(NamedTuple):
    """A token that llama.cpp looks for in the whole text before it tokenizes the rest."""

    id: int
    text: str
    control: bool  # read only where special tokens are parsed; False: user-defined, which every text is searched for
    strips_left: bool  # white space before the token belongs to the token
    strips_right: bool
    ends: bool  # it ends a text

class DeviceNeeds(NamedTuple):
    """The bytes that a model and its context will take on one device."""

    device: str  # "" is the host's own memory
    weights: int
    mapped: int  # weights that stay in the file's pages
    context: int  # KV cells and other state of sequences
    compute: int  # buffers of the graphs
    free: int  # free memory of a device at present; 0 for the host

def memory_needs(settings: EngineSettings, embed_tokens: int = 0) -> tuple[list[DeviceNeeds], ModelInfo]:
    """Return the memory that loading and serving a model will take, without its adapters.

    It allocates nothing and reads the file's metadata only. With `embed_tokens` the needs include an `Embedder` for inputs of that many
    tokens, at the model's own pooling. Raises ModelFileError.
    """

def most_embed_tokens(settings: EngineSettings, info: ModelInfo) -> int:
    """Return the longest input in tokens that may be embedded: the trained context, or `context_tokens` where that is less.

    A model that generates has memory for each token, so it takes no more than 32,768 where no `context_tokens` are set.
    """

def first_embed_tokens(settings: EngineSettings, info: ModelInfo) -> int:
    """Return the longest input of an `Embedder` for which none is given: 2,048 tokens, or the model's most."""

def listen_to_log(level: int) -> int:
    """Keep llama.cpp's lines of `level` (1 debug, 2 info, 3 warning, 4 error) and above.

    Return a descriptor that is readable while there are lines.
    """

def drain_log() -> tuple[list[tuple[int, str]], int]:
    """Return level and text of each kept line, oldest first, and the number of lines dropped for want of room."""

def wake_log() -> None:
    """Make the descriptor of the log readable."""

class Model:
    """The weights and vocabulary of one GGUF file; thread-safe once loaded."""

    info: ModelInfo
    def __init__(
        self,
        settings: EngineSettings,
        on_progress: Callable[[float], bool | None] | None = None,
        vocabulary_only: bool = False,
        empty: bool = False,
    ) -> None:
        """Load the model without the GIL; stop where `on_progress` returns False.

        `vocabulary_only` reads no weights, and such a model only tokenizes. `empty` allocates no memory for the weights, to see its needs.
        Raises ModelFileError, ResourceError.
        """
    def tokenize(self, text: str, add_special: bool = True, parse_special: bool = False) -> list[int]:
        """Return the token ids. Time and stack depend on the text: see `prompting.text_tokenizer`. Raises InvalidRequestError."""
    def token_sizes(self) -> tuple[int, bool]:
        """Return the bytes of the longest token's text, and whether no byte can be lost.

        The latter is so where every byte has a token of its own and no token swallows the spaces beside it.
        """
    def detokenize(self, tokens: Sequence[int], special: bool = False) -> str: ...
    def token_bytes(self, token: int, special: bool = False) -> bytes: ...
    def marks(self) -> TokenMarks: ...
    def special_tokens(self) -> list[SpecialToken]:
        """Return every control and user-defined token of the vocabulary."""
    def compile_grammar(self, text: str, spelled: Sequence[int] = ()) -> Grammar:
        """Compile GBNF text for this model's vocabulary, without the GIL. May be called from several threads, one at a time.

        `spelled` are control tokens whose text may stand where the grammar asks for characters, as `Watch.spelled` writes it out.

        Raises InvalidRequestError where the text is no grammar or too large, ResourceError where the grammars in use leave no room.
        """
    def metadata(self) -> dict[str, str]:
        """Return all scalar GGUF metadata as text."""

class Grammar:
    """A compiled grammar; immutable, and shared by the requests that ask for it."""

    states: int  # states of the automaton, about 40 bytes each
    def __init__(self, model: Model, text: str, spelled: Sequence[int] = ()) -> None: ...

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
        max_tokens: int = -1,  # -1: to the end of the context; 0: only compute the prompt
        stop: Sequence[str] = (),
        ignore_eos: bool = False,
        priority: int = 0,
        deadline_s: float = 0.0,  # CLOCK_MONOTONIC; 0 = none
        logprobs: int = -1,  # -1 = none
        prompt_logprobs: int = -1,  # -1 = none; else the prompt is computed whole, 32 tokens a step
        use_cache: bool = True,
        scope: int = 0,
        grammar: Grammar | None = None,  # the compiled grammar of `sampling`; None: it is compiled here
        watch: Watch | None = None,  # what to look for in the answer; a grammar with triggers sleeps until then
        adapter: str = "",  # the name of the adapter that is applied beside those without a name; "": only these
    ) -> int:
        """Queue a request and return its id; KV cells are shared only with requests of the same `scope` and `adapter`.

        Raises InvalidRequestError, ContextOverflowError, QueueFullError, DrainingError.
        """
    def cancel(self, request: int) -> None:
        """End the request within one step, with a final "cancelled" event; unknown and finished ids are ignored."""
    def forget_scope(self, scope: int) -> None:
        """Drop the prefixes of this scope from the prefix cache before the next step."""
    def drain(self) -> list[Event]: ...
    def step_s(self) -> float:
        """Return the seconds that the present step has taken so far; 0 between two steps."""
    def stop_admission(self) -> None:
        """Refuse new requests with DrainingError from now on; queued and running requests go on."""
    def close(self) -> None:
        """Cancel running requests, join the thread and free the context. Idempotent."""
    def slots_state(self) -> list[dict[str, int | str]]: ...
    def stats(self) -> dict[str, float]: ...

class Embedder:
    """A separate context for embeddings; concurrent calls are serialised."""

    length: int
    max_tokens: int  # tokens of one input
    pooling: str  # the pooling in use: mean, cls, last or rank
    per_token: bool
    def __init__(self, model: Model, settings: EngineSettings, pooling: str = "", tokens: int = 0, per_token: bool = False) -> None:
        """Allocate the context for inputs of `tokens` tokens (0: `first_embed_tokens`).

        `pooling` "" is the model's own, or the mean where it has none; "rank" makes the vectors of a reranker, whose length is 1: the
        scores. Raises InvalidRequestError, ResourceError.
        """
    def embed(self, inputs: Sequence[Sequence[int]], normalize: bool = True, adapter: str = "") -> npt.NDArray[np.float32]:
        """Return the vectors, (n, length) float32, in order, without the GIL; `adapter` is as in `Engine.submit`.

        Raises InvalidRequestError, ContextOverflowError.
        """
    def read(self, inputs: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.float32], list[npt.NDArray[np.uint64]]]:
        """Return the vectors, not normalised, and for each input the signs of its tokens, (tokens, (length + 63) // 64).

        The bits are those of `RecallIndex.add`. Raises as `embed` does, and EngineError where the embedder is not `per_token`.
        """
    def close(self) -> None: ...
