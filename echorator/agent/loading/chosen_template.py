"""Chooses the chat template of a model: the operator's, the image's, the file's, or a default. Pure; feeds `served_model`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from echorator.prompting.named_templates import STOPS, TEMPLATES, default_name, source_of


class Origin(Enum):
    """Where a chat template came from."""

    OPTION = "option"
    IMAGE = "image"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True)
class ChosenTemplate:
    """The template of one model. `go` is preferred to `jinja`, where it is understood; each may be "", but not both."""

    origin: Origin
    jinja: str = ""
    go: str = ""
    stop: tuple[str, ...] = ()  # texts that end an answer, for requests that name none
    warning: str = ""  # what whoever runs the model should know of the choice


def chosen(option: str, of_image: str, of_file: str, special_tokens: Iterable[str]) -> ChosenTemplate:
    """Return the template to use.

    Args:
        option: the operator's template, as source or by name; "" for none.
        of_image: the Go template of the model's image; "" for none.
        of_file: the Jinja template of the model's file; "" for none.
        special_tokens: texts of the special tokens of the vocabulary, by which the default is chosen.
    """
    if option:
        return ChosenTemplate(Origin.OPTION, source_of(option), stop=STOPS.get(option, ()))
    if of_image:
        return ChosenTemplate(Origin.IMAGE, of_file, of_image)
    if of_file:
        return ChosenTemplate(Origin.FILE, of_file)
    name = default_name(frozenset(special_tokens))
    warning = (
        f"the model brings no chat template; chats use the form {name!r}, which it may not have been trained on: "
        "set another one with --chat-template or spec.engine.chatTemplate"
    )
    return ChosenTemplate(Origin.DEFAULT, TEMPLATES[name], stop=STOPS.get(name, ()), warning=warning)
