"""Templates render as their models expect, and see nothing of the program. What stops a hostile one: `test_model_template`."""

from __future__ import annotations

import pytest

from echorator.errors import TemplateError
from echorator.prompting.chat_template import ChatTemplate
from tests.support.models.random_gguf import CHATML

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
        ("{{ '<{0}:{1:>3}>'.format('t', 5) }}{{ '{}={x}'.format(1, x=2) }}{{ '{a}'.format_map({'a': 3}) }}", "<t:  5>1=23"),
        ("{{ '%s is %03d' % ('a', 7) }}{{ '%(k)s' % {'k': 'v'} }}{{ '%.1f' | format(2.25) }}", "a is 007v2.2"),
        ("{{ 'a'.ljust(3) }}|{{ 'b' | center(3) }}|{{ '7'.zfill(3) }}|{{ 'é'.encode('utf-8') | length }}", "a  | b |007|2"),
        ("{{ {'é': '<'} | tojson(ensure_ascii=true) }}", '{"\\u00e9": "<"}'),
    ],
)
def test_what_templates_use(source: str, expected: str) -> None:
    assert render(source, date="today") == expected


def test_the_date() -> None:
    assert render("{{ strftime_now('%Y') }}").isdigit()


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
