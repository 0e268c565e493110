"""The command-line options of an engine: one for every field of EngineSettings."""

from __future__ import annotations

import argparse
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.settings import CHAT_TEMPLATES, ENGINE_CHOICES, EngineSettings, Lora, check_template

_GROUPS: dict[str, dict[str, str]] = {
    "serving": {
        "slots": "requests computed at the same time",
        "context_tokens": "KV cells of all slots together; 0: slots x the trained context, at most 32768",
        "queue_limit": "requests that may wait; more are refused",
        "prefix_cache": "share and keep the KV cells of common prompt prefixes",
        "child_timeout_s": "seconds that the model's chat template, a JSON schema or a long text may take before it is given up",
        "control_tokens_in_messages": "read control tokens written in messages as control tokens; else they are text",
        "chat_template": "chat template in place of the model's own: a Jinja file, or one of " + ", ".join(CHAT_TEMPLATES),
        "request_templates": "let a request bring a chat template of its own",
        "cache_sequences": "finished sequences kept for their prefix; -1: as many as slots",
    },
    "computing": {
        "threads": "CPU threads; 0: one for each core that may be used",
        "batch_tokens": "token budget of one step",
        "ubatch_tokens": "tokens that llama.cpp computes at once",
        "flash_attention": "whether attention is computed in one pass",
        "stall_factor": "factor by which a prefill may stretch a step of running streams",
        "step_limit_s": "seconds of a step above which health checks see the model as NOT_SERVING, so that probes restart it",
        "messages_per_s": "messages of all streams together; above it, tokens of one stream share a message",
        "priority_wait_s": "seconds after which a request gets every second turn, beside those of a higher priority",
    },
    "memory": {
        "kv_layout": "unified: slots share all cells; separate: each has its part",
        "kv_type_k": "number type of the keys in the KV cache",
        "kv_type_v": "number type of the values in the KV cache",
        "swa_full": "keep the whole context of sliding-window layers",
        "memory_check": "refuse a model that needs more memory than is free",
        "mmap": "map the file instead of reading it",
        "mlock": "keep the weights in memory",
        "repack": "copy the weights into the layout that the CPU computes fastest with",
    },
    "GPU (where llama-cpp-python was built for one)": {
        "gpu_layers": "layers on the GPU; -1: all",
        "split_mode": "how several GPUs share a model",
        "main_gpu": "number of the GPU for what is not split",
        "tensor_split": "shares of the GPUs, such as 3,1",
        "offload_kqv": "keep the KV cache on the GPU",
    },
}


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _template(text: str) -> str:
    """Return the name of a chat template, or the source in a file. Raises ArgumentTypeError, which argparse shows with the option."""
    if not text or text in CHAT_TEMPLATES:  # argparse gives the default to this function too
        return text
    try:
        source = Path(text).read_text("utf-8")
        check_template(source, text)
    except FileNotFoundError as error:
        raise argparse.ArgumentTypeError(f"there is no file {text}, and the names are {', '.join(CHAT_TEMPLATES)}") from error
    except (OSError, UnicodeDecodeError, InvalidRequestError) as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be taken: {error}") from error
    return source


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for every field of EngineSettings, in groups and with its default."""
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
            elif name == "chat_template":
                group.add_argument(flag, type=_template, default=default, metavar="FILE|NAME", help=text)
            elif name in ENGINE_CHOICES:
                group.add_argument(
                    flag, choices=ENGINE_CHOICES[name], default=default, metavar="NAME", help=f"{shown} ({', '.join(ENGINE_CHOICES[name])})"
                )
            else:
                group.add_argument(flag, type=type(default), default=default, metavar="N", help=shown)

    adapters = parser.add_argument_group("LoRA adapters; their changes add up")
    adapters.add_argument(
        "--lora",
        dest="lora",
        action="append",
        default=[],
        metavar="[NAME=]SOURCE",
        help="adapter for the model, as a file or a source; with NAME= only for requests that ask for MODEL:NAME; may be repeated",
    )
    adapters.add_argument(
        "--lora-scaled",
        dest="lora",
        action="append",
        nargs=2,
        metavar=("[NAME=]SOURCE", "SCALE"),
        help="adapter whose changes are multiplied by SCALE; may be repeated",
    )


def adapters_of(arguments: argparse.Namespace) -> list[tuple[str, Lora]]:
    """Return the adapters' sources in order, each with its Lora, whose path is set once the file is found. Raises CommandError."""
    adapters: list[tuple[str, Lora]] = []
    for given in arguments.lora:
        text, scale = (given, "1") if isinstance(given, str) else given
        name, source = _named(text)
        try:
            adapters.append((source, Lora(Path(), float(scale), name)))
            EngineSettings(Path(), lora=tuple(lora for _, lora in adapters))
        except ValueError as error:
            raise CommandError(f"--lora-scaled {text} {scale}: the scale must be a number", Exit.USAGE) from error
        except InvalidRequestError as error:
            raise CommandError(str(error), Exit.USAGE) from error
    return adapters


def _named(text: str) -> tuple[str, str]:
    """Return the name, "" for none, and the source of [NAME=]SOURCE. A file of that whole name has none, nor has a path or a URL."""
    name, sign, source = text.partition("=")
    return (name, source) if name and sign and not re.search("[/:]", name) and not Path(text).exists() else ("", text)


def _spelled(default: object) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default) if default != () else "even"


def engine_settings(arguments: argparse.Namespace, path: Path) -> EngineSettings:
    """Return the settings without adapters. Raises CommandError, which names the field and its range."""
    chosen = {f.name: getattr(arguments, f.name) for f in fields(EngineSettings) if f.name not in ("path", "lora")}
    try:
        return EngineSettings(path, **chosen)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
