"""The bodies of llama-server's own endpoints. Pure; read by `handlers`."""

from __future__ import annotations

from typing import Annotated

from pydantic import FailFast, Field
from typing_extensions import TypeAliasType

from echorator.gateway.http.bodies import Body, Completion, Texts, TokenIds

MOST_FILES = 256  # beside the one with the gap


class Tokenize(Body):
    """The body of POST /tokenize."""

    content: str
    model: str = ""
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class Detokenize(Body):
    """The body of POST /detokenize."""

    tokens: TokenIds
    model: str = ""


class ExtraFile(Body):
    """Another file that the model is to know."""

    text: str
    filename: str = ""


ExtraFiles = TypeAliasType("ExtraFiles", Annotated[list[ExtraFile], FailFast(), Field(max_length=MOST_FILES)])


class OwnCompletion(Completion):
    """The body of POST /completion: that of /v1/completions, and which fields of the answer are wanted."""

    response_fields: Texts = Field(default_factory=list)


class Infill(OwnCompletion):
    """The body of POST /infill: the gap is between `input_prefix`, behind which `prompt` stands, and `input_suffix`."""

    prompt: str = ""
    input_prefix: str
    input_suffix: str
    input_extra: ExtraFiles = Field(default_factory=list)
