"""Settings as frozen values, validated once and passed explicitly; only `cli/` reads the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from echorator.errors import InvalidRequestError

EMBEDDED_NAME = "echo-nano"  # the model that is part of the package
KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
SPLIT_MODES = ("none", "layer", "row", "tensor")
FLASH_ATTENTION = ("auto", "on", "off")
KV_LAYOUTS = ("auto", "unified", "separate")
MOST_ADAPTERS = 16
POOLINGS = ("", "mean", "cls", "last")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidRequestError(message)


@dataclass(frozen=True)
class Lora:
    """A LoRA adapter on top of a model's weights: W + scale · (alpha / rank) · B·A, as llama.cpp has it."""

    path: Path
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Raises InvalidRequestError."""
        _check(-100.0 <= self.scale <= 100.0, f"lora: a scale must be -100..100, not {self.scale:g}")


@dataclass(frozen=True)
class EngineSettings:
    """How one model is loaded and served. Lengths are tokens, times seconds."""

    path: Path
    context_tokens: int = 0  # KV cells of all slots together; 0: slots times the trained context, at most 32768
    slots: int = 8  # requests computed at the same time
    batch_tokens: int = 2048  # token budget of one step
    ubatch_tokens: int = 512  # tokens that llama.cpp computes at once
    threads: int = 0  # 0: one for each core that may be used; one for a model of less than 16 MiB
    queue_limit: int = 512  # requests that may wait; more are refused
    kv_layout: str = "auto"  # unified: slots share all cells; separate: each has its part; auto: see `engine.hpp`
    prefix_cache: bool = True
    cache_sequences: int = -1  # finished sequences kept beside the slots'; -1: as many again as slots
    lora: tuple[Lora, ...] = ()
    swa_full: bool = False  # keep sliding-window layers' whole context, so that they can be cut anywhere
    gpu_layers: int = -1  # layers on the GPU, where there is one; -1: all
    split_mode: str = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] = ()
    flash_attention: str = "auto"
    kv_type_k: str = "f16"
    kv_type_v: str = "f16"
    offload_kqv: bool = True
    mmap: bool = True
    mlock: bool = False
    repack: bool = True  # weights in the layout that the CPU computes fastest with: a copy of them in memory
    stall_factor: float = 4.0  # a step with running streams may take this many quiet steps because of a prefill
    messages_per_s: float = 600.0  # of all streams together; above it tokens of one stream share a message

    def __post_init__(self) -> None:
        """Raises InvalidRequestError, naming the field and its range."""
        _check(0 <= self.context_tokens <= 1 << 24, "context_tokens must be 0..16777216 (0 = from the model)")
        _check(1 <= self.slots <= 128, "slots must be 1..128")
        _check(32 <= self.batch_tokens <= 1 << 16, "batch_tokens must be 32..65536")
        _check(32 <= self.ubatch_tokens <= 1 << 14, "ubatch_tokens must be 32..16384")
        _check(0 <= self.threads <= 1024, "threads must be 0..1024 (0 = as many as the cores that it may use)")
        _check(1 <= self.queue_limit <= 1 << 20, "queue_limit must be 1..1048576")
        _check(self.kv_layout in KV_LAYOUTS, f"kv_layout must be one of {', '.join(KV_LAYOUTS)}")
        _check(-1 <= self.cache_sequences <= 128, "cache_sequences must be -1..128")
        _check(-1 <= self.gpu_layers <= 100_000, "gpu_layers must be -1 (all) or more")
        _check(self.split_mode in SPLIT_MODES, f"split_mode must be one of {', '.join(SPLIT_MODES)}")
        _check(0 <= self.main_gpu < 64, "main_gpu must be 0..63")
        _check(len(self.tensor_split) <= 16 and all(x >= 0 for x in self.tensor_split), "tensor_split: at most 16 numbers >= 0")
        _check(self.flash_attention in FLASH_ATTENTION, f"flash_attention must be one of {', '.join(FLASH_ATTENTION)}")
        for name, value in (("kv_type_k", self.kv_type_k), ("kv_type_v", self.kv_type_v)):
            _check(value in KV_TYPES, f"{name} must be one of {', '.join(KV_TYPES)}")
        _check(len(self.lora) <= MOST_ADAPTERS, f"lora: at most {MOST_ADAPTERS} adapters, not {len(self.lora)}")
        _check(1.0 <= self.stall_factor <= 1000.0, "stall_factor must be 1..1000")
        _check(1.0 <= self.messages_per_s <= 1e6, "messages_per_s must be 1..1000000")


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. Temperature 0 is greedy; defaults are llama.cpp's."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalty_last_n: int = 64
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    grammar: str = ""  # GBNF

    def __post_init__(self) -> None:
        """Raises InvalidRequestError, naming the parameter and its range."""
        for name, low, high in (
            ("temperature", 0.0, 2.0),
            ("top_p", 0.0, 1.0),
            ("min_p", 0.0, 1.0),
            ("typical_p", 0.0, 1.0),
            ("presence_penalty", -2.0, 2.0),
            ("frequency_penalty", -2.0, 2.0),
            ("repeat_penalty", 0.01, 10.0),
            ("dry_multiplier", 0.0, 100.0),
            ("dry_base", 1.0, 100.0),
            ("xtc_probability", 0.0, 1.0),
            ("xtc_threshold", 0.0, 1.0),
            ("mirostat_tau", 0.0, 100.0),
            ("mirostat_eta", 0.0, 10.0),
        ):
            value = getattr(self, name)
            _check(low <= value <= high, f"{name} must be {low:g}..{high:g}, not {value:g}")
        for name, low_n, high_n in (
            ("top_k", 0, 1 << 20),
            ("penalty_last_n", -1, 1 << 20),
            ("dry_allowed_length", 0, 1 << 20),
            ("dry_penalty_last_n", -1, 1 << 20),
        ):
            number = getattr(self, name)
            _check(low_n <= number <= high_n, f"{name} must be {low_n}..{high_n}, not {number}")
        _check(self.mirostat in (0, 2), "mirostat must be 0 (off) or 2 (Mirostat 2.0)")
        _check(self.seed is None or 0 <= self.seed < 1 << 32, "seed must be 0..4294967295")
        _check(len(self.logit_bias) <= 1024, "logit_bias: at most 1024 tokens")
        _check(all(b == b and b < float("inf") for _, b in self.logit_bias), "logit_bias: numbers, or -inf to forbid a token")
        _check(len(self.dry_sequence_breakers) <= 64, "dry_sequence_breakers: at most 64 texts")
