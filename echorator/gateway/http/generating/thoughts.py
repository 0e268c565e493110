"""Says which fields about thinking have no effect with a model, so that an answer lists them as ignored. Pure.

Whether a model thinks, and whether it can be told how much, is read from its chat template. Fed by `calls`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from echorator.gateway.http.bodies import Conversation

_SIGNS = ("think", "reasoning", "analysis")  # in the templates of all models that think, in small letters


class Wish(NamedTuple):
    """A field of a body that asks for thoughts."""

    field: str
    effort: bool = False  # it has an effect only by the template's variable for the effort


def wishes_of(body: Conversation, effort_field: str = "", effort: str | None = None) -> list[Wish]:
    """Return the fields of a conversation that ask for thoughts; `effort_field` is the API's own, whose value is `effort`.

    A field that asks for no thoughts is none of them: a model that does not think does what it says.
    """
    found = [Wish(effort_field, True)] if effort not in (None, "none") else []
    if body.enable_thinking:
        found.append(Wish("enable_thinking"))
    if body.thinking_budget_tokens is not None and body.thinking_budget_tokens >= 0:
        found.append(Wish("thinking_budget_tokens"))
    return found


def without_effect(wishes: Iterable[Wish], template: str) -> list[str]:
    """Return the fields that have no effect with a model of this chat template."""
    thinks = any(sign in template.lower() for sign in _SIGNS)
    return [wish.field for wish in wishes if not ("reasoning_effort" in template if wish.effort else thinks)]
