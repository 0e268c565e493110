"""The names by which requests choose a model: its own, or MODEL:ADAPTER for one of its LoRA adapters on top. Pure.

Feeds the agent's registry and the gateway's fleet, so that both read a name alike.
"""

from __future__ import annotations

from collections.abc import Container, Sequence


def parts_of(name: str, models: Container[str]) -> tuple[str, str]:
    """Return the model and the adapter that a name means; the adapter is "" for none.

    A name that one of `models` has as a whole is that model's. One that fits no model at all is returned as it is.
    """
    model, _, adapter = name.rpartition(":")
    return (model, adapter) if name not in models and model in models and adapter else (name, "")


def aliases_of(model: str, adapters: Sequence[str]) -> list[str]:
    """Return the further names of a model, one for each adapter."""
    return [f"{model}:{adapter}" for adapter in adapters]


def no_adapter(model: str, adapter: str, adapters: Sequence[str]) -> str:
    """Return the message of an error: the model does not have the adapter that a request names."""
    known = f"its adapters: {', '.join(adapters)}" if adapters else "it has none that a request may name"
    return f"no adapter {adapter[:64]!r} is loaded for the model {model[:128]!r}; {known}"
