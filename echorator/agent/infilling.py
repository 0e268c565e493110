"""Makes the prompt of a Generate call: a text that goes on, or the two sides of a gap that the model fills.

A model that was trained to fill gaps has tokens of its own for it, fill-in-the-middle tokens: before the text in front of the gap, before
the text behind it, and before what fills it. Other files that the model is to know stand before all of these. Control tokens that the texts
around a gap spell out are plain text, for they are a program's source and not a prompt. Fed by `service`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echorator._native.engine import TokenMarks
from echorator.agent import requests
from echorator.errors import ContextOverflowError, InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb

if TYPE_CHECKING:
    from echorator.agent.loading.served_model import ServedModel

REPOSITORY, FILE = "repository\n", "file"  # the names of the project, and of the file with the gap, where there are other files
_BETWEEN = "\n\n--- snippet ---\n\n"  # stands before a further file where the vocabulary has no token for that


async def prompt_tokens(served: ServedModel, request: pb.GenerateRequest) -> list[int]:
    """Return the tokens of the prompt.

    Raises:
        InvalidRequestError: the prompt is empty or has wrong token ids, or the model cannot fill gaps.
        ContextOverflowError: the prompt is longer than the context.
    """
    if request.HasField("suffix"):
        return await _around_gap(served, request)
    if request.files:
        raise InvalidRequestError("files are read only where a gap is filled; set suffix, or put them into the prompt")
    tokens: list[int] = []
    for number, part in enumerate(requests.prompt_of(request, served.info.vocabulary)):
        whole = number == 0  # only a text at the beginning gets the token that begins a prompt
        tokens += part if isinstance(part, list) else await served.tokenize(part, whole, True, served.context_tokens, "the prompt")
    return tokens


async def _around_gap(served: ServedModel, request: pb.GenerateRequest) -> list[int]:
    marks = served.model.marks()
    sides = {"prefix": marks.fim_prefix, "suffix": marks.fim_suffix, "middle": marks.fim_middle}
    if missing := [name for name, token in sides.items() if token < 0]:
        raise InvalidRequestError(
            f"suffix: {served.name} cannot fill gaps, for its vocabulary has no fill-in-the-middle token of the {', '.join(missing)}; "
            "leave suffix out"
        )
    if request.HasField("parts"):
        raise InvalidRequestError("parts are not taken where a gap is filled; set prompt to the text before it")
    if request.HasField("tokens"):
        prefix = list(request.tokens.ids)
        requests.check_tokens(prefix, served.info.vocabulary, "tokens")
    else:
        prefix = await served.texts.tokens_of(request.prompt)
    suffix = await served.texts.tokens_of(request.suffix)
    files = await _files(served, request, marks)
    begin = [marks.bos] if marks.add_bos and marks.bos >= 0 else []
    tokens = [*begin, *files, marks.fim_prefix, *prefix, marks.fim_suffix, *suffix, marks.fim_middle]
    if len(tokens) > served.context_tokens:
        raise ContextOverflowError(
            f"prompt, suffix and files have {len(tokens)} tokens, and the context has {served.context_tokens}; shorten them",
            len(tokens),
            served.context_tokens,
        )
    return tokens


async def _files(served: ServedModel, request: pb.GenerateRequest, marks: TokenMarks) -> list[int]:
    """Return the tokens of the other files, and of the name of the one with the gap."""
    if not request.files:
        return []
    read = served.texts.tokens_of
    tokens = [marks.fim_repository, *await read(REPOSITORY)] if marks.fim_repository >= 0 else []
    for file in request.files:
        head = [marks.fim_file, *await read(f"{file.name or FILE}\n")] if marks.fim_file >= 0 else await read(_BETWEEN)
        tokens += [*head, *await read(file.text)]
        if len(tokens) > served.context_tokens:
            said = f"files have more than {served.context_tokens} tokens, which is the context; leave some out"
            raise ContextOverflowError(said, len(tokens), served.context_tokens)
    return [*tokens, marks.fim_file, *await read(f"{FILE}\n")] if marks.fim_file >= 0 else tokens
