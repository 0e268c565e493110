"""What a template takes is found out by rendering, one need at a time; `test_sdist_templates` has real models' templates."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from echorator.errors import TemplateError
from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.go_template import GoTemplate
from echorator.prompting.template_needs import SHORT_ID, SLOW_S, CallForm, TemplateNeeds, TemplateProbe, shaped, short_id

HEAD = "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
TURNS = "{% for m in messages %}{{ m.role }}: "
RESULT = "{% if m.role == 'tool' %}{{ m.content }}{% endif %}"
CALLS = "{% for call in m.tool_calls or [] %}{{ call.function.name }}"


class Asked:
    """A template that counts its renders."""

    def __init__(self, source: str, slow_s: float = 0.0) -> None:
        self.template = ChatTemplate(source, "<s>", "</s>")
        self.renders = 0
        self.slow_s = slow_s
        self.probe = TemplateProbe(self.render)

    async def render(self, messages: list[dict[str, Any]], arguments: Any, begins: bool) -> str:
        self.renders += 1
        await asyncio.sleep(self.slow_s)
        return self.template.render(messages, arguments, begins)


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("{{ messages[0].content }}{{ messages[-1].content }}", TemplateNeeds()),
        ("{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}", TemplateNeeds(parts=True)),
        (
            "{% for m in messages %}{% if m.content is string %}{{ raise_exception('no') }}{% endif %}{{ m.content[0].text }}{% endfor %}",
            TemplateNeeds(parts=True),
        ),
        ("{% for t in tools %}{{ t }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}", TemplateNeeds(no_tools=True)),
        ("{{ functions + datetime }}{% for m in messages %}{{ m.content }}{% endfor %}", TemplateNeeds(functions=True)),
        (
            "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}",
            TemplateNeeds(system=False),
        ),
        ("{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}", TemplateNeeds(system=False)),
        ("{{ raise_exception('never') }}", TemplateNeeds(known=False)),
    ],
)
def test_a_plain_chat(source: str, needs: TemplateNeeds) -> None:
    asked = Asked(source)
    assert asyncio.run(asked.probe.plain()) == needs
    renders = asked.renders
    assert asyncio.run(asked.probe.plain()) == needs
    assert asked.renders == renders


@pytest.mark.parametrize(
    ("calls", "form"),
    [
        (CALLS + "{{ call.function.arguments | tojson }}{% endfor %}", CallForm()),
        (CALLS + "{% for k, v in call.function.arguments.items() %}{{ k }}={{ v }}{% endfor %}{% endfor %}", CallForm()),
        (CALLS + "{{ call.function.arguments }}{% endfor %}", CallForm(text_arguments=True)),
        ("{{ m.content }}" + CALLS + "{{ call.function.arguments | tojson }}{% endfor %}", CallForm(null_content=False)),
        (
            "{% if m.role == 'assistant' and m.content is none %}"
            + CALLS
            + "{{ call.function.arguments | tojson }}{% endfor %}{% endif %}",
            CallForm(),
        ),
        (
            CALLS
            + "{% if call.id | length != 9 %}{{ raise_exception('id') }}{% endif %}{{ call.function.arguments | tojson }}{% endfor %}",
            CallForm(short_ids=True),
        ),
        (
            "{% if m.tool_calls %}{{ m.tool_calls[0].function.name }}{{ m.tool_calls[0].function.arguments | tojson }}{% endif %}",
            CallForm(parallel=False),
        ),
        ("", None),
    ],
)
def test_tool_calls(calls: str, form: CallForm | None) -> None:
    content = "{% if m.role == 'user' %}{{ m.content }}{% endif %}"
    probe = Asked(f"{HEAD}{TURNS}{content}{RESULT}{calls}{{% endfor %}}").probe
    assert asyncio.run(probe.calls()) == form
    assert asyncio.run(probe.shows_results())


@pytest.mark.parametrize(
    ("head", "needs"),
    [
        (HEAD, TemplateNeeds()),
        ("{% for tool in tools or [] %}{{ tool.function.description + tool.function.name }}{% endfor %}", TemplateNeeds(described=True)),
        ("{% for tool in tools or [] %}{{ 'f: ' + tool.name }}{% endfor %}", TemplateNeeds(bare_tools=True)),
        ("", None),
    ],
)
def test_tools(head: str, needs: TemplateNeeds | None) -> None:
    probe = Asked(head + "{% for m in messages %}{{ m.content }}{% endfor %}").probe
    assert asyncio.run(probe.with_tools()) == needs


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ("{{ m.content }}", True),
        ("{% if m.role == 'user' %}{{ m.content }}{% endif %}", False),
        ("{% if m.role == 'note' and not loop.first %}{{ raise_exception('no') }}{% endif %}{{ m.content }}", True),
        ("{% if m.role == 'note' and loop.index < 3 %}{{ raise_exception('no') }}{% endif %}{{ m.content }}", True),
        ("{% if m.role == 'note' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}", False),
    ],
)
def test_roles(turn: str, shown: bool) -> None:
    asked = Asked(f"{{% for m in messages %}}{turn}{{% endfor %}}")
    assert asyncio.run(asked.probe.shows_role("note")) is shown
    renders = asked.renders
    assert asyncio.run(asked.probe.shows_role("note")) is shown
    assert asked.renders == renders


def test_a_template_that_fails_slowly_is_asked_once_and_again_later() -> None:
    asked = Asked("{{ raise_exception('no') }}", SLOW_S * 1.1)
    assert not asyncio.run(asked.probe.plain()).known
    assert asked.renders == 1
    assert asyncio.run(asked.probe.with_tools()) is None
    asked.slow_s = 0.0
    asked.template = ChatTemplate("{% for m in messages %}{{ m.content }}{% endfor %}", "", "")
    assert asyncio.run(asked.probe.plain()) == TemplateNeeds()


def test_calls_without_a_form_are_told_in_the_content() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": {"z": 1, "a": "\u00fc"}}}]
    (message,), _ = shaped([{"role": "assistant", "content": "Well.", "tool_calls": calls}], {}, TemplateNeeds(), None)
    told = '{"tool_calls": [{"id": "c1", "name": "look", "arguments": {"z": 1, "a": "\u00fc"}}]}'
    assert message == {"role": "assistant", "content": f"Well.\n{told}"}


def test_a_system_text_stands_before_the_user() -> None:
    needs = TemplateNeeds(system=False)
    system, user = {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}
    assert shaped([system, user], {}, needs, None)[0] == [{"role": "user", "content": "Be kind.\n\nHi"}]
    assert shaped([system], {}, needs, None)[0] == [{"role": "user", "content": "Be kind."}]


def test_short_ids_fit_each_other() -> None:
    assert short_id("abcdefgh1") == "abcdefgh1"
    made = {short_id(f"call_{n}") for n in range(1000)}
    assert len(made) == 1000
    assert all(SHORT_ID.fullmatch(name) for name in made)


def test_ollamas_templates_leave_a_last_answer_open() -> None:
    hi, so = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "so"}
    turns = GoTemplate("{{ if .Prompt }}<|user|>{{ .Prompt }}<|end|>{{ end }}<|assistant|>{{ .Response }}<|end|>")
    assert turns.render([hi, so], {}, False) == "<|user|>hi<|end|><|assistant|>so<|end|>"
    assert turns.render([hi, so], {}, True) == "<|user|>hi<|end|><|assistant|>so<|end|><|assistant|>"
    assert turns.render([hi], {}, True) == "<|user|>hi<|end|><|assistant|>"


def test_lists_of_a_template_may_be_queues_and_generators_json() -> None:
    queue = "{% set q = namespace(ids=[]) %}{% set _ = q.ids.append('a') %}{% set _ = q.ids.append('b') %}{{ q.ids.pop(0) }}{{ q.ids }}"
    assert ChatTemplate(queue, "", "").render([], {}) == "a['b']"
    assert ChatTemplate("{{ messages | map(attribute='role') | tojson }}", "", "").render([{"role": "user"}], {}) == '["user"]'
    with pytest.raises(TemplateError):
        ChatTemplate("{{ messages.clear() }}", "", "").render([], {})
