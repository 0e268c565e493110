"""Describes models as Ollama does: names with tags, sizes, capabilities. Pure; fed by `handlers`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from echorator.rpc.v1 import model_pb2 as pb

LATEST = ":latest"
_THOUGHTS = ("enable_thinking", "reasoning_content", "<think>", ".Thinking")
_TOOLS = re.compile(r"\btools\b|\.Tools\b")


def served_name(name: str, served: Collection[str]) -> str:
    """Return the name by which a model is served: Ollama's clients write "phi:latest" for "phi"."""
    short = name.removesuffix(LATEST)
    return short if name not in served and short in served else name


def tagged(name: str) -> str:
    """Return a model's name with a tag, which Ollama's names always have."""
    return name if ":" in name.rpartition("/")[2] else name + LATEST


def details_of(model: pb.Model) -> dict[str, Any]:
    """Return the form of a model's file."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.architecture,
        "families": [model.architecture] if model.architecture else [],
        "parameter_size": _rounded(model.parameters),
        "quantization_level": model.quantisation,
    }


def entry_of(model: pb.Model) -> dict[str, Any]:
    """Return a model as /api/tags lists it."""
    name = tagged(model.name)
    known = {"size": model.size_bytes, "digest": model.digest.removeprefix("sha256:"), "details": details_of(model)}
    return {"name": name, "model": name, **known}


def running_of(model: pb.Model) -> dict[str, Any]:
    """Return a model as /api/ps lists it."""
    return {**entry_of(model), "context_length": model.context_tokens}


def capabilities_of(model: pb.Model) -> list[str]:
    """Return what a model can do. Whether it calls tools or thinks is read from its chat template, as Ollama does."""
    if not model.generates:
        return ["embedding"]
    found = ["completion"]
    if _TOOLS.search(model.chat_template):
        found.append("tools")
    if any(sign in model.chat_template for sign in _THOUGHTS):
        found.append("thinking")
    return found


def shown_of(model: pb.Model) -> dict[str, Any]:
    """Return a model as /api/show describes it."""
    kind = model.architecture
    info = {
        "general.architecture": kind,
        "general.parameter_count": model.parameters,
        f"{kind}.context_length": model.trained_context_tokens,
        f"{kind}.embedding_length": model.embedding_length,
    }
    shown = {"template": model.chat_template, "details": details_of(model), "model_info": info, "capabilities": capabilities_of(model)}
    return {"modelfile": f"# {model.description}\nFROM {model.name}\n", "parameters": f"num_ctx {model.context_tokens}", **shown}


def _rounded(parameters: int) -> str:
    """Return a number of weights as Ollama writes it: 7.6B, 137M."""
    for unit, sign in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if parameters >= unit:
            return f"{parameters / unit:.1f}{sign}" if sign == "B" else f"{parameters / unit:.0f}{sign}"
    return str(parameters)
