"""Templates render as their models expect, and a hostile one costs a refused request, nothing else."""

from __future__ import annotations

import resource
import time

import pytest

from bench.random_gguf import CHATML
from echorator.engine.chat_template import ChatTemplate
from echorator.errors import TemplateError

HELLO = [{"role": "user", "content": "hello"}]


def render(source: str, messages: list[dict[str, str]] | None = None, **arguments: object) -> str:
    return ChatTemplate(source, "<s>", "</s>").render(HELLO if messages is None else messages, arguments)


def test_chatml() -> None:
    assert render(CHATML) == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ bos_token }}{{ messages[0]['content'] | trim }}{{ eos_token }}", "<s>hello</s>"),
        ("{% for m in messages %}\n{{ m.role }}:{{ m.content }}\n{% endfor %}", "user:hello\n"),
        ("{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "10"),
        ("{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "013"),
        ("{{ {'a': 'é', 'b': [1, 2.5, none, true]} | tojson }}", '{"a": "é", "b": [1, 2.5, null, true]}'),
        ("{{ messages | tojson(indent=2) }}", '[\n  {\n    "role": "user",\n    "content": "hello"\n  }\n]'),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('a') ~ m('b') ~ 1 }}", "<a><b>1"),
        ("{% generation %}{{ 'said' }}{% endgeneration %}", "said"),
        ("{{ 'a,b'.split(',') | join('-') }}{{ ' x '.strip() }}{{ 'aXa'.replace('X', '.') }}{{ 'ab' | replace('b', 'c') }}", "a-bxa.aac"),
        ("{{ 'a\nb' | indent(2) }}{{ '<&>' }}", "a\n  b<&>"),
        ("{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | first }}", "hello"),
        ("{{ date }} {{ tools is none }} {{ [1, 2, 3][1:] }} {{ {'k': 1}.items() | list }}", "today True [2, 3] [('k', 1)]"),
        ("{%- if messages[0].role != 'system' -%} no {%- endif %}", "no"),
    ],
)
def test_what_templates_use(source: str, expected: str) -> None:
    assert render(source, date="today") == expected


def test_the_date() -> None:
    assert render("{{ strftime_now('%Y') }}").isdigit()


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
    "indent": "{{ ('\n' * 1000000) | indent(1000000) }}",
    "macro": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "output": "{% for a in range(9999) %}" + "x" * 10_000 + "{% endfor %}",
    "captured output": "{% set x %}{% for a in range(99999) %}" + "x" * 100_000 + "{% endfor %}{% endset %}{{ x | length }}",
    "content": "{% for a in range(99999) %}{{ messages[0].content }}{% endfor %}",
}

ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ (messages | attr('__class__')).__name__ }}",
    "{{ ''['__class__'] }}{{ ().__class__.__bases__[0] }}",
    "{{ raise_exception.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__['os'] }}",
    "{{ tick(1) }}",
    "{{ lipsum.__globals__ }}",
    "{{ messages.append({'role': 'x'}) }}",
    "{{ messages.clear() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'base' %}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ messages | map('attr', '__class__') | list }}",
]

BROKEN = [
    "{% for %}",
    "{{ ",
    "{% endif %}",
    "{{ missing.field }}",
    "{{ 1 / 0 }}",
    "{{ messages[7].content }}",
    "{{ 'a' | nofilter }}",
    "{{ none() }}",
]


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    before_s, before_kib = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TemplateError):
        render(BOMBS[name], [{"role": "user", "content": "x" * 10_000}])
    assert time.process_time() - before_s < 10  # a bound on hanging, not a figure: the worst takes about a second
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 512 * 1024


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_escapes(source: str) -> None:
    try:
        text = render(source)
    except TemplateError:
        return
    assert not any(word in text for word in ("class", "object", "module", "function", "root:"))


@pytest.mark.parametrize("source", BROKEN)
def test_a_broken_template_is_named(source: str) -> None:
    with pytest.raises(TemplateError, match="chat template of the model"):
        render(source)


def test_a_refusal_of_the_template_is_told() -> None:
    with pytest.raises(TemplateError, match="refuses these messages: roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}")


def test_the_line_is_told() -> None:
    with pytest.raises(TemplateError, match="line 3"):
        render("a\nb\n{{ missing.field }}\n")


def test_a_long_source_is_refused() -> None:
    with pytest.raises(TemplateError, match="characters"):
        render("x" * 300_000)


def test_a_long_chat_is_no_bomb() -> None:
    messages = [{"role": "user", "content": "word " * 2000}] * 400
    assert len(render(CHATML, messages)) > 4_000_000


def test_messages_are_not_changed_and_arguments_do_not_hide_them() -> None:
    messages = [{"role": "user", "content": "hello"}]
    template = ChatTemplate("{{ messages[0].content }}{{ bos_token }}", "<s>", "</s>")
    assert template.render(messages, {"messages": [], "bos_token": "no"}) == "hello<s>"
    assert messages == [{"role": "user", "content": "hello"}]
