"""Which wishes for thoughts have an effect with a chat template."""

from __future__ import annotations

import pytest

from echorator.gateway.http.generating.thoughts import Wish, without_effect


@pytest.mark.parametrize(
    ("template", "ignored"),
    [
        ("{{ messages }}", ["effort", "enabled"]),
        ("{% if enable_thinking %}<think>{% endif %}", ["effort"]),
        ("{{ reasoning_effort }}<|channel|>analysis", []),
        ("[THINK]", ["effort"]),
    ],
)
def test_what_a_template_does_not_know_is_ignored(template: str, ignored: list[str]) -> None:
    assert without_effect([Wish("effort", effort=True), Wish("enabled")], template) == ignored
