"""The command-line options of an engine: one for every field of EngineSettings."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from echorator.cli.exits import CommandError, Exit
from echorator.errors import InvalidRequestError
from echorator.settings import FLASH_ATTENTION, KV_LAYOUTS, KV_TYPES, SPLIT_MODES, EngineSettings, Lora

_CHOICES = {
    "kv_layout": KV_LAYOUTS,
    "split_mode": SPLIT_MODES,
    "flash_attention": FLASH_ATTENTION,
    "kv_type_k": KV_TYPES,
    "kv_type_v": KV_TYPES,
}
_GROUPS: dict[str, dict[str, str]] = {
    "serving": {
        "slots": "requests computed at the same time",
        "context_tokens": "KV cells of all slots together; 0: slots x the trained context, at most 32768",
        "queue_limit": "requests that may wait; more are refused",
        "prefix_cache": "share and keep the KV cells of common prompt prefixes",
        "cache_sequences": "finished sequences kept for their prefix; -1: as many as slots",
    },
    "computing": {
        "threads": "CPU threads; 0: one for each core that may be used",
        "batch_tokens": "token budget of one step",
        "ubatch_tokens": "tokens that llama.cpp computes at once",
        "flash_attention": "",
        "stall_factor": "a prefill may stretch a step of running streams by this factor",
        "messages_per_s": "of all streams together; above it, tokens of one stream share a message",
    },
    "memory": {
        "kv_layout": "unified: slots share all cells; separate: each has its part",
        "kv_type_k": "number type of the keys in the KV cache",
        "kv_type_v": "number type of the values in the KV cache",
        "swa_full": "keep the whole context of sliding-window layers",
        "mmap": "map the file instead of reading it",
        "mlock": "keep the weights in memory",
        "repack": "copy the weights into the layout that the CPU computes fastest with",
    },
    "GPU (where llama-cpp-python was built for one)": {
        "gpu_layers": "layers on the GPU; -1: all",
        "split_mode": "how several GPUs share a model",
        "main_gpu": "the GPU for what is not split",
        "tensor_split": "shares of the GPUs, such as 3,1",
        "offload_kqv": "keep the KV cache on the GPU",
    },
}


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add them in groups, with the defaults of EngineSettings."""
    defaults = {f.name: f.default for f in fields(EngineSettings) if f.default is not MISSING}
    named = {name for options in _GROUPS.values() for name in options}
    rest = {name: "" for name in defaults if name not in named and name != "lora"}
    for title, options in (*_GROUPS.items(), *((("further", rest),) if rest else ())):
        group = parser.add_argument_group(title)
        for name, text in options.items():
            default: Any = defaults[name]
            flag = f"--{name.replace('_', '-')}"
            shown = f"{text} [{_spelled(default)}]".strip()
            if isinstance(default, bool):
                group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=shown)
            elif isinstance(default, tuple):
                group.add_argument(flag, type=_numbers, default=default, metavar="N,N", help=shown)
            elif name in _CHOICES:
                group.add_argument(
                    flag, choices=_CHOICES[name], default=default, metavar="NAME", help=f"{shown} ({', '.join(_CHOICES[name])})"
                )
            else:
                group.add_argument(flag, type=type(default), default=default, metavar="N", help=shown)

    adapters = parser.add_argument_group("LoRA adapters; their changes add up")
    adapters.add_argument(
        "--lora", dest="lora", action="append", default=[], metavar="SOURCE", help="one for the model, as a file or a source"
    )
    adapters.add_argument("--lora-scaled", dest="lora", action="append", nargs=2, metavar=("SOURCE", "SCALE"), help="the same, times SCALE")


def adapters_of(arguments: argparse.Namespace) -> list[tuple[str, Lora]]:
    """Source of each, in their order, and what it becomes once its file is found. Raises CommandError."""
    adapters = []
    for given in arguments.lora:
        source, scale = (given, "1") if isinstance(given, str) else given
        try:
            adapters.append((source, Lora(Path(), float(scale))))
        except ValueError as error:
            raise CommandError(f"--lora-scaled {source} {scale}: the scale must be a number", Exit.USAGE) from error
        except InvalidRequestError as error:
            raise CommandError(str(error), Exit.USAGE) from error
    return adapters


def _spelled(default: object) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default) if default != () else "even"


def engine_settings(arguments: argparse.Namespace, path: Path) -> EngineSettings:
    """All but adapters. Raises CommandError, naming the field and its range."""
    chosen = {f.name: getattr(arguments, f.name) for f in fields(EngineSettings) if f.name not in ("path", "lora")}
    try:
        return EngineSettings(path, **chosen)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
