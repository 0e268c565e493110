"""Finds the model that ships with the package and gives it the number of threads that suits its size."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from echorator.settings import EngineSettings

_THREADS = 1  # with a million parameters, threads would wait for each other longer than they compute


def embedded_model() -> Path:
    """Return the path of the embedded model's GGUF file."""
    return Path(str(files("echorator") / "data" / "echo-nano.q8_0.gguf"))


def is_embedded(settings: EngineSettings) -> bool:
    """Return whether the settings name the embedded model's file."""
    return settings.path == embedded_model()


def is_foreign(settings: EngineSettings) -> bool:
    """Return whether the settings name a file that did not come with the package, which therefore has to be checked."""
    return not is_embedded(settings) or bool(settings.lora)


def with_embedded_threads(settings: EngineSettings) -> EngineSettings:
    """Return settings with one thread for the embedded model, where no number of threads was asked for."""
    return replace(settings, threads=_THREADS) if is_embedded(settings) and not settings.threads else settings
