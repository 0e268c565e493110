"""The settings of a served model as frozen values, validated once and passed explicitly; only `cli/` reads the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echorator.errors import InvalidRequestError
from echorator.ranged import Range, check_ranges, within

EMBEDDED_NAME = "echo-nano"  # the model that ships with the package
KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
SPLIT_MODES = ("none", "layer", "row", "tensor")
FLASH_ATTENTION = ("auto", "on", "off")
KV_LAYOUTS = ("auto", "unified", "separate")
CHAT_TEMPLATES = ("chatml", "llama2", "llama3", "mistral", "gemma", "phi3", "zephyr", "vicuna", "alpaca", "plain")  # named_templates.py
LONGEST_TEMPLATE = 256 * 1024  # characters of a chat template
MOST_ADAPTERS = 16
ADAPTER_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # a pattern; without a colon, so that MODEL:NAME ends with the name
MOST_REPLICAS = 1000  # of a model or a replica set, in a mesh, the local cluster and Kubernetes alike
LEAST_PRIORITY, MOST_PRIORITY = -100, 100  # of a request; the higher is served first
MOST_LOGPROBS = 20  # most likely tokens of each position that a request may ask for
POOLINGS = ("", "mean", "cls", "last")

# What the fields of EngineSettings may be; also the ranges and choices of the Model resource and of the command line.
ENGINE_RANGES: Mapping[str, Range] = {
    "context_tokens": Range(0, 1 << 24, "0: from the model"),
    "slots": Range(1, 128),
    "batch_tokens": Range(32, 1 << 16),
    "ubatch_tokens": Range(32, 1 << 14),
    "threads": Range(0, 1024, "0: as many as the cores that it may use"),
    "queue_limit": Range(1, 1 << 20),
    "cache_sequences": Range(-1, 128, "-1: as many as slots"),
    "gpu_layers": Range(-1, 100_000, "-1: all"),
    "main_gpu": Range(0, 63),
    "stall_factor": Range(1.0, 1000.0),
    "step_limit_s": Range(0.01, 86_400.0),
    "child_timeout_s": Range(0.05, 600.0),
    "messages_per_s": Range(1.0, 1e6),
    "priority_wait_s": Range(0.0, 86_400.0),
}
ENGINE_CHOICES: Mapping[str, tuple[str, ...]] = {
    "kv_layout": KV_LAYOUTS,
    "split_mode": SPLIT_MODES,
    "flash_attention": FLASH_ATTENTION,
    "kv_type_k": KV_TYPES,
    "kv_type_v": KV_TYPES,
}
MOST_TENSOR_SPLITS = 16

SAMPLING_RANGES: Mapping[str, Range] = {
    "temperature": Range(0.0, 100.0),
    "top_p": Range(0.0, 1.0),
    "min_p": Range(0.0, 1.0),
    "typical_p": Range(0.0, 1.0),
    "presence_penalty": Range(-100.0, 100.0),
    "frequency_penalty": Range(-100.0, 100.0),
    "repeat_penalty": Range(0.01, 10.0),
    "dry_multiplier": Range(0.0, 100.0),
    "dry_base": Range(1.0, 100.0),
    "xtc_probability": Range(0.0, 1.0),
    "xtc_threshold": Range(0.0, 1.0),
    "mirostat_tau": Range(0.0, 100.0),
    "mirostat_eta": Range(0.0, 10.0),
    "top_k": Range(0, 1 << 20),
    "penalty_last_n": Range(-1, 1 << 20),
    "dry_allowed_length": Range(0, 1 << 20),
    "dry_penalty_last_n": Range(-1, 1 << 20),
}


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidRequestError(message)


def check_template(template: str, field: str) -> None:
    """Check that a chat template is "", one of CHAT_TEMPLATES or the source of one. Raises InvalidRequestError that names the field."""
    _check(len(template) <= LONGEST_TEMPLATE, f"{field} has {len(template)} characters, at most {LONGEST_TEMPLATE} are taken")
    known = not template or template in CHAT_TEMPLATES or "{{" in template or "{%" in template
    _check(known, f"{field} must be a Jinja template or one of {', '.join(CHAT_TEMPLATES)}, not {template[:80]!r}")


def check_adapter_name(name: str, field: str) -> None:
    """Check the name by which requests choose an adapter. Raises InvalidRequestError that names the field."""
    fits = re.fullmatch(ADAPTER_NAME, name) is not None
    _check(fits, f"{field} must be 1..64 letters, digits or any of _.- and a letter or digit first, not {name[:80]!r}")
    _check(name != "latest", f"{field} must not be 'latest': clients of Ollama write MODEL:latest for the model without it")


@dataclass(frozen=True)
class Lora:
    """A LoRA adapter on top of a model's weights: W + scale · (alpha / rank) · B·A, as llama.cpp computes it."""

    path: Path  # the adapter's GGUF file
    scale: float = 1.0  # factor of the adapter's change to the weights
    name: str = ""  # only requests for MODEL:NAME have the adapter; "": every request has it

    def __post_init__(self) -> None:
        """Check scale and name. Raises InvalidRequestError where one is not allowed."""
        within(self.scale, -100.0, 100.0, "lora: a scale")
        if self.name:
            check_adapter_name(self.name, "lora: a name")


@dataclass(frozen=True)
class EngineSettings:
    """The way in which one model is loaded and served. Lengths are tokens, times seconds."""

    path: Path  # the model's GGUF file
    # KV cells of all slots together; 0: slots times the trained context, at most 32768. Also the longest input that may be embedded.
    context_tokens: int = 0
    slots: int = 8  # requests computed at the same time
    batch_tokens: int = 2048  # token budget of one step
    ubatch_tokens: int = 512  # tokens that llama.cpp computes at once
    threads: int = 0  # 0: one per core that this process may use; one for a model of less than 16 MiB
    queue_limit: int = 512  # requests that may wait; more are refused
    kv_layout: str = "auto"  # unified: slots share all cells; separate: each has its part; auto: see `engine.hpp`
    prefix_cache: bool = True  # share and keep the KV cells of common prompt prefixes
    cache_sequences: int = -1  # finished sequences kept beside those of the slots; -1: as many as slots
    lora: tuple[Lora, ...] = ()  # adapters on top of the weights; the changes of those that a request has add up
    swa_full: bool = False  # keep the whole context of sliding-window layers, so that sequences can be cut anywhere
    gpu_layers: int = -1  # layers on the GPU, where there is one; -1: all
    split_mode: str = "layer"  # how several GPUs share the model: by whole layers, by rows or by tensors; none: one GPU computes it
    main_gpu: int = 0  # number of the GPU for what is not split
    tensor_split: tuple[float, ...] = ()  # share of each GPU; (): by their free memory
    flash_attention: str = "auto"  # whether attention is computed in one pass; auto: where the back end can
    kv_type_k: str = "f16"  # number type of the keys in the KV cache
    kv_type_v: str = "f16"  # number type of the values in the KV cache
    offload_kqv: bool = True  # keep the KV cache on the GPU
    mmap: bool = True  # map the file instead of reading it
    mlock: bool = False  # keep the weights in memory, so that they are never swapped out
    repack: bool = True  # weights in the layout that the CPU computes fastest with, which is a copy of them in memory
    stall_factor: float = 4.0  # a step with running streams may take this many quiet steps because of a prefill
    step_limit_s: float = 120.0  # a step that takes longer makes the model NOT_SERVING to health checks until the step ends
    child_timeout_s: float = 2.0  # time limit of a chat template, a schema or a long text in its child process
    chat_template: str = ""  # Jinja source or a name of CHAT_TEMPLATES, in place of the model's own template; "": the model's own
    request_templates: bool = False  # let a request bring a chat template of its own
    control_tokens_in_messages: bool = False  # read control tokens written in messages, such as "<|im_end|>", as control tokens
    messages_per_s: float = 600.0  # of all streams together; above this rate tokens of one stream share a message
    memory_check: bool = True  # refuse a model that needs more memory than is free
    priority_wait_s: float = 10.0  # a request that has waited this long gets every second turn beside requests of a higher priority

    def __post_init__(self) -> None:
        """Check every field. Raises InvalidRequestError, naming the field and its range."""
        check_ranges(self, ENGINE_RANGES)
        for name, choices in ENGINE_CHOICES.items():
            _check(getattr(self, name) in choices, f"{name} must be one of {', '.join(choices)}")
        _check(
            len(self.tensor_split) <= MOST_TENSOR_SPLITS and all(x >= 0 for x in self.tensor_split),
            f"tensor_split: at most {MOST_TENSOR_SPLITS} numbers >= 0",
        )
        check_template(self.chat_template, "chat_template")
        _check(len(self.lora) <= MOST_ADAPTERS, f"lora: at most {MOST_ADAPTERS} adapters, not {len(self.lora)}")
        names = self.adapter_names
        twice = next((name for name in names if names.count(name) > 1), "")
        _check(not twice, f"lora: two adapters have the name {twice!r}; give each its own")

    @property
    def adapter_names(self) -> tuple[str, ...]:
        """Return the names by which requests choose adapters, in the order of `lora`."""
        return tuple(lora.name for lora in self.lora if lora.name)


@dataclass(frozen=True)
class Sampling:
    """The parameters by which tokens are chosen. Temperature 0 is greedy; defaults are llama.cpp's."""

    temperature: float = 0.8  # divisor of the logits; 0: greedy
    top_k: int = 40  # only so many of the most likely tokens are candidates; 0: off
    top_p: float = 0.95  # probability that the candidates, the fewest most likely tokens, reach together; 1: off
    min_p: float = 0.05  # least probability of a candidate, relative to the most likely token; 0: off
    typical_p: float = 1.0  # probability of locally typical sampling; 1: off
    repeat_penalty: float = 1.0  # factor on the logits of tokens among the last `penalty_last_n`; 1: off
    presence_penalty: float = 0.0  # subtracted from the logit of a token that occurred among them; 0: off
    frequency_penalty: float = 0.0  # subtracted from the logit for each time that the token occurred among them; 0: off
    penalty_last_n: int = 64  # tokens that the penalties look back on; -1: the whole context
    dry_multiplier: float = 0.0  # strength of the DRY penalty on repeated sequences; 0: off
    dry_base: float = 1.75  # growth of the DRY penalty with each further token of the repetition
    dry_allowed_length: int = 2  # tokens; repetitions up to this length cost nothing
    dry_penalty_last_n: int = -1  # tokens that the DRY penalty looks back on; -1: the whole context
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")  # texts that end a repetition
    xtc_probability: float = 0.0  # how often the most likely tokens are excluded (XTC); 0: off
    xtc_threshold: float = 0.1  # probability from which XTC may exclude a token
    mirostat: int = 0  # 2: Mirostat 2.0 instead of top_k, top_p, min_p, typical_p and XTC; 0: off
    mirostat_tau: float = 5.0  # target surprise of Mirostat in bits
    mirostat_eta: float = 0.1  # learning rate of Mirostat
    seed: int | None = None  # of the random numbers; the same seed and prompt give the same text; None: a random seed
    logit_bias: tuple[tuple[int, float], ...] = ()  # (token id, number added to its logit); -inf forbids the token
    grammar: str = ""  # GBNF

    def __post_init__(self) -> None:
        """Check every parameter. Raises InvalidRequestError, naming the parameter and its range."""
        check_ranges(self, SAMPLING_RANGES)
        _check(self.mirostat in (0, 2), "mirostat must be 0 (off) or 2 (Mirostat 2.0)")
        _check(self.seed is None or 0 <= self.seed < 1 << 32, "seed must be 0..4294967295")
        _check(len(self.logit_bias) <= 1024, "logit_bias: at most 1024 tokens")
        _check(all(b == b and b < float("inf") for _, b in self.logit_bias), "logit_bias: numbers, or -inf to forbid a token")
        _check(len(self.dry_sequence_breakers) <= 64, "dry_sequence_breakers: at most 64 texts")
