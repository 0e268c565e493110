"""The names that a Model may have, wherever it runs: Services are named after it. Pure."""

from __future__ import annotations

import re

NAME, NAME_LENGTH = "[a-z]([-a-z0-9]*[a-z0-9])?", 50


def fitting_name(name: str) -> str:
    """Return `name` if Services can be named after it, else the nearest name for which they can."""
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
    made = made if made[0].isalpha() else f"model-{made}"
    return made[:NAME_LENGTH].rstrip("-")


def is_fitting_name(name: str) -> bool:
    """Return whether the CustomResourceDefinition accepts a Model of this name."""
    return len(name) <= NAME_LENGTH and bool(re.fullmatch(NAME, name))
