"""Templates in their child: real models' render as they do in process, and a hostile one costs a refused request, nothing else."""

from __future__ import annotations

import asyncio
import json
import resource
import time

import pytest

from bench.hostile.templates import GO, JINJA, go_templates, jinja_templates
from echorator.errors import TemplateError
from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.model_template import ModelTemplate
from tests.prompting.sdist_templates import names, sdist_templates
from tests.support.models.random_gguf import CHATML

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELLO = [{"role": "user", "content": "hello"}]
PADDED = [{"role": "user", "content": "x" * 10_000}]


def repeated(first: str, step: str, then: str = "") -> str:
    """ns.x = first, and then sixty times what `step` makes of it."""
    return f"{{% set ns = namespace(x={first}) %}}{{% for i in range(60) %}}{{% set ns.x = {step} %}}{{% endfor %}}{then}"


BOMBS = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "silent loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = 1 %}{% endfor %}{% endfor %}",
    "range": "{% for a in range(10 ** 12) %}x{% endfor %}",
    "power": "{{ 9 ** 99999999 }}",
    "repeat": "{{ 'a' * 10 ** 9 }}",
    "repeat a list": "{{ [1] * 10 ** 9 }}",
    "doubling": repeated("'aaaaaaaa'", "ns.x + ns.x", "{{ ns.x | length }}"),
    "doubling by ~": repeated("'aaaaaaaa'", "ns.x ~ ns.x", "{{ ns.x | length }}"),
    "doubling a list": repeated("[1]", "ns.x + ns.x"),
    "nesting": repeated("[1]", "[ns.x, ns.x]", "{{ ns.x }}"),
    "nesting a dict": repeated("1", "dict(a=ns.x, b=ns.x)", "{{ ns.x | tojson }}"),
    "nesting namespaces": repeated("1", "namespace(a=ns.x, b=ns.x)", "{{ ns.x }}"),
    "padding": "{{ 'a'.ljust(10 ** 9) }}",
    "centre": "{{ 'a' | center(1000000000) }}",
    "format": "{{ '%1000000000d' % 1 }}",
    "format filter": "{{ '%1000000000d' | format(1) }}",
    "format method": "{{ '{:1000000000}'.format(1) }}",
    "join": "{{ range(99999) | join('a' * 100000) }}",
    "join method": "{{ ('a' * 100000).join(range(99999)) }}",
    "replace": "{{ ('a' * 100000) | replace('a', 'a' * 100000) }}",
    "replace method": "{{ ('a' * 100000).replace('a', 'a' * 100000) }}",
    "indent": "{{ ('a\n' * 1000000) | indent(1000000) }}",
    "macro": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "output": "{% for a in range(9999) %}" + "x" * 10_000 + "{% endfor %}",
    "captured output": "{% set x %}{% for a in range(99999) %}" + "x" * 100_000 + "{% endfor %}{% endset %}{{ x | length }}",
    "content": "{% for a in range(99999) %}{{ messages[0].content }}{% endfor %}",
}


async def rendered(jinja: str, go: str = "", messages: list[dict[str, str]] = HELLO, timeout_s: float = 2.0) -> str:
    template = ModelTemplate(jinja, go, "<s>", "</s>", timeout_s)
    try:
        return await template.render(messages, {})
    finally:
        await template.close()


async def refused_quickly(jinja: str, go: str = "") -> None:
    """While the event loop goes on, and this process grows by nothing to speak of."""
    before_kib, late_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0

    async def watch() -> None:
        nonlocal late_s
        while True:
            begun_s = time.thread_time()
            await asyncio.sleep(0.01)
            late_s = max(late_s, time.thread_time() - begun_s)  # what this thread computed, however busy the machine is

    watching = asyncio.create_task(watch())
    try:
        with pytest.raises(TemplateError, match=r"the (chat )?template of the model"):
            await rendered(jinja, go, PADDED, 0.3)
    finally:
        watching.cancel()
    assert late_s < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 64 * 1024


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused(name: str) -> None:
    await refused_quickly(BOMBS[name])


@pytest.mark.parametrize("source", list(jinja_templates(len(JINJA))), ids=map(str, range(len(JINJA))))
async def test_generated_bombs_are_refused(source: str) -> None:
    await refused_quickly(source)


@pytest.mark.parametrize("source", list(go_templates(len(GO))), ids=map(str, range(len(GO))))
async def test_generated_bombs_of_go_are_refused(source: str) -> None:
    await refused_quickly("", source)


@pytest.mark.parametrize("name", names())
async def test_templates_of_real_models_render_as_they_do_in_process(name: str) -> None:
    source, arguments = sdist_templates()[name], {"tools": [], "functions": "[]", "datetime": ""}
    template = ModelTemplate(source, "", "<s>", "</s>", 2.0)
    try:
        for messages in (HELLO, [{"role": "system", "content": "be kind"}, *HELLO]):
            if messages[0]["role"] == "system" and "System role not supported" in source:
                with pytest.raises(TemplateError, match="refuses these messages: System role not supported"):
                    await template.render(messages, arguments)
                continue
            expected = ChatTemplate(source, "<s>", "</s>").render(messages, arguments)
            assert await template.render(messages, arguments) == expected
            assert "hello" in expected
    finally:
        await template.close()


async def test_a_long_conversation_has_a_child_of_its_own() -> None:
    template = ModelTemplate(CHATML, "", "<s>", "</s>", 2.0)
    try:
        long = [{"role": "user", "content": "word " * 2000}] * 400
        rendered = await asyncio.gather(template.render(long, {}), *(template.render(HELLO, {}) for _ in range(10)))
        assert len(rendered[0]) > 4_000_000
        assert set(rendered[1:]) == {"<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"}
    finally:
        await template.close()


async def test_go_is_preferred_where_it_is_understood(caplog: pytest.LogCaptureFixture) -> None:
    assert await rendered("jinja", "go: {{ .Prompt }}") == "go: hello"
    assert await rendered("jinja", "{{ nope 1 }}") == "jinja"
    assert [record.message for record in caplog.records] == ["the model's Go template is not used, but the one in its file"]
    with pytest.raises(TemplateError, match="'nope' is not understood"):
        await rendered("", "{{ nope 1 }}")


async def test_texts_come_through_whole() -> None:
    text = 'é漢🙂\n\t"\\ \x00 </s>' + json.dumps({"a": 1})
    assert await rendered("{{ messages[0].content }}", messages=[{"role": "user", "content": text}]) == text
    with pytest.raises(TemplateError, match="half of a surrogate pair"):
        await rendered("{{ messages[0].content }}", messages=[{"role": "user", "content": "\ud800"}])
