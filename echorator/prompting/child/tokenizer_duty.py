"""The duty of tokenizing long texts with one model's vocabulary.

llama.cpp splits texts of some models by std::regex, which recurses for every character of a run. So a text is
tokenized on a thread with a large stack, which is freed with the thread.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from echorator._native.engine import Model
from echorator.engine.digest import identity
from echorator.errors import InvalidRequestError, ModelFileError
from echorator.prompting.child.frames import Frame
from echorator.settings import EngineSettings

STACK_BYTES = 512 << 20  # reserved, not used: 328 bytes per character of a run, so enough for runs of 1.6 million


class TokenizerDuty:
    """A tokenizer with the vocabulary of one model file, without the weights."""

    def __init__(self) -> None:
        self._model: Model | None = None

    def open(self, header: dict[str, Any], _body: bytes) -> Frame:
        """Read the vocabulary of the file. Raises InvalidRequestError: the file has changed since it was loaded, or cannot be read."""
        path = Path(header["path"])
        try:
            if list(identity(path)) != header["identity"]:
                raise InvalidRequestError(
                    f"{path} has changed since the model was loaded, so long texts cannot be tokenized; load it again"
                )
            self._model = Model(EngineSettings(path, gpu_layers=0), None, True)
        except ModelFileError as error:
            raise InvalidRequestError(f"the vocabulary cannot be read again: {error}") from error
        return Frame({})

    def do(self, header: dict[str, Any], body: bytes) -> bytes:
        """Return the token ids (int32) of a text (UTF-8), or the text of token ids."""
        model = self._model
        if model is None:
            raise InvalidRequestError("the vocabulary was not read")
        if header["do"] == "detokenize":
            tokens = array("i", body)
            return model.detokenize(tokens, header["special"]).encode()
        text = body.decode()
        return array("i", _on_large_stack(lambda: model.tokenize(text, header["add_special"], header["parse_special"]))).tobytes()


def _on_large_stack(compute: Callable[[], list[int]]) -> list[int]:
    results: list[list[int]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(compute())
        except BaseException as error:  # noqa: BLE001 raised again by the thread that waits
            errors.append(error)

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    except RuntimeError as error:  # there is no room for the stack
        raise MemoryError from error
    finally:
        threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


duty = TokenizerDuty
