"""A role is known where it is one of OpenAI's, or where the template writes it in quotes."""

from __future__ import annotations

import pytest

from echorator.prompting.roles import OPENAI, is_named, like, word_of

CHATML = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content']}}{% endfor %}"


@pytest.mark.parametrize(
    ("role", "template", "named"),
    [
        *((role, "", True) for role in sorted(OPENAI)),
        ("foo", CHATML, False),
        ("role", CHATML, True),  # a quoted word that is no role is taken for one
        ("message", CHATML, False),
        ("for", CHATML, False),
        ("ipython", "{% if m.role == 'tool' or m.role == 'ipython' %}", True),
        ("ipython", '{{ if eq .Role "ipython" }}', True),
        ("ipython", "{{ if eq .Role `ipython` }}", True),
        ("ipyth", "{% if m.role == 'ipython' %}", False),
        ("document 7", "{% if m.role.startswith('document ') %}", True),
        ("", "''", False),
        (".*", "'system'", False),
        ("User", "{% if m.role == 'user' %}", False),
    ],
)
def test_a_role(role: str, template: str, named: bool) -> None:
    assert is_named(role, template) is named


def test_the_first_word() -> None:
    assert [word_of(role) for role in ("document 7", "a-b", "", " a", "é")] == ["document", "a", "", "", "é"]


def test_a_role_that_is_probed_for_others() -> None:
    assert [like(role) for role in ("developer", "document 7", "document 8")] == ["developer", "document 1", "document 1"]
