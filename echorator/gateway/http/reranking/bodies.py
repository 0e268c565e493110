"""The body of a rerank request. Pure; read by `handlers`."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, FailFast, Field
from typing_extensions import TypeAliasType

from echorator.gateway.http.bodies import Body
from echorator.serving.bounds import MOST_DOCUMENTS


class TextObject(Body):
    """A text as an object, as Jina and Cohere take it; its further keys have no effect."""

    model_config = ConfigDict(extra="ignore", strict=True)

    text: str


Documents = TypeAliasType("Documents", Annotated[list[str | TextObject], FailFast(), Field(min_length=1, max_length=MOST_DOCUMENTS)])


class Rerank(Body):
    """The body of POST /v1/rerank. `texts`, in place of `documents`, makes it one of TEI, whose answer has a form of its own."""

    model: str = ""
    query: str | TextObject
    documents: Documents | None = None
    top_n: int | None = None
    return_documents: bool = False
    # TEI's
    texts: Documents | None = None
    return_text: bool = False
