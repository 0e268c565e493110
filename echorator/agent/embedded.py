"""The model that ships with the package."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from echorator.settings import EngineSettings

_THREADS = 1  # a million parameters: threads would wait for each other longer than they compute


def embedded_model() -> Path:
    """The file of the embedded model."""
    return Path(str(files("echorator") / "data" / "echo-nano.q8_0.gguf"))


def is_embedded(settings: EngineSettings) -> bool:
    """Whether it is that file."""
    return settings.path == embedded_model()


def is_foreign(settings: EngineSettings) -> bool:
    """Whether a file of it did not come with the package, so that it has to be checked."""
    return not is_embedded(settings) or bool(settings.lora)


def with_embedded_threads(settings: EngineSettings) -> EngineSettings:
    """One thread for the embedded model, where no number was asked for."""
    return replace(settings, threads=_THREADS) if is_embedded(settings) and not settings.threads else settings
