"""The duty of rendering one model's chat template."""

from __future__ import annotations

import json
from typing import Any

from echorator.errors import TemplateError
from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.child.frames import Frame
from echorator.prompting.go_template import GoTemplate


class TemplateDuty:
    """A renderer of one chat template, compiled by `open`."""

    def __init__(self) -> None:
        self._template: ChatTemplate | GoTemplate | None = None

    def open(self, _header: dict[str, Any], body: bytes) -> Frame:
        """Compile Go's template, or Jinja's where there is no Go template that can be understood. Raises TemplateError."""
        sources = json.loads(body)
        unused = ""
        if sources["go"]:
            try:
                self._template = GoTemplate(sources["go"])
            except TemplateError as error:
                if not sources["jinja"]:
                    raise
                unused = str(error)
        if self._template is None:
            self._template = ChatTemplate(sources["jinja"], sources["bos"], sources["eos"])
        return Frame({"go": isinstance(self._template, GoTemplate), "unused": unused})

    def do(self, _header: dict[str, Any], body: bytes) -> bytes:
        """Return the rendered prompt as UTF-8. Raises TemplateError."""
        if self._template is None:
            raise TemplateError("the chat template of the model was not compiled")
        asked = json.loads(body)
        prompt = self._template.render(asked["messages"], asked["arguments"], asked["add_generation_prompt"])
        try:
            return prompt.encode()
        except UnicodeEncodeError as error:
            raise TemplateError("the chat template of the model writes a half of a surrogate pair, which is no text") from error


duty = TemplateDuty
