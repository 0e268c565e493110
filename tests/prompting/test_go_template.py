"""Ollama's templates: what Go makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.errors import TemplateError
from echorator.prompting.go_template import GoTemplate

TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Again"},
]
CHATML = """{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ .Content }}{{ if not $last }}<|im_end|>
{{ end }}{{ else if eq .Role "system" }}<|im_start|>system
{{ .Content }}<|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}"""
LEGACY = """{{ if .System }}<|system|>
{{ .System }}<|end|>
{{ end }}{{ if .Prompt }}<|user|>
{{ .Prompt }}<|end|>
{{ end }}<|assistant|>
{{ .Response }}<|end|>
"""


def rendered(template: str, talk: list[dict[str, str]] = TALK) -> str:
    return GoTemplate(template).render(talk, {})


def test_a_template_of_messages() -> None:
    turns = ["system\nBe kind.", "user\nHi", "assistant\nHello!", "user\nAgain"]
    assert rendered(CHATML) == "".join(f"<|im_start|>{turn}<|im_end|>\n" for turn in turns) + "<|im_start|>assistant\n"


def test_a_template_of_one_prompt_and_one_response() -> None:
    expected = "<|system|>\nBe kind.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello!<|end|>\n<|user|>\nAgain<|end|>\n<|assistant|>\n"
    assert rendered(LEGACY) == expected
    assert rendered("{{ .Prompt }}", TALK[1:2]) == "Hi"
    assert rendered("<s>{{ .Prompt }}{{ if .Response }} {{ .Response }}</s>{{ end }}\n", TALK[1:2]) == "<s>Hi"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {{- 1 -}} b", "a1b"),
        ("a {{ 1 }} b", "a 1 b"),
        ("{{/* nothing */}}x", "x"),
        ("{{ if false }}a{{ else if true }}b{{ else }}c{{ end }}", "b"),
        ("{{ with .System }}{{ . }}!{{ else }}none{{ end }}", "Be kind.!"),
        ("{{ range .Tools }}x{{ else }}none{{ end }}", "none"),
        ("{{ range $i, $m := .Messages }}{{ if $i }}, {{ end }}{{ $m.Role }}{{ end }}", "system, user, assistant, user"),
        ("{{ range .Messages }}{{ if eq .Role `assistant` }}{{ break }}{{ end }}{{ .Role }} {{ end }}", "system user "),
        ("{{ range .Messages }}{{ if eq .Role `user` }}{{ continue }}{{ end }}{{ .Role }} {{ end }}", "system assistant "),
        ("{{ $n := 1 }}{{ range .Messages }}{{ $n = len .Content }}{{ end }}{{ $n }}", "5"),
        ("{{ (index .Messages 1).Content }}", "Hi"),
        ('{{ .System | printf "%s/%q" "a" }}', 'a/"Be kind."'),
        ("{{ and 1 0 2 }} {{ or 0 nil `z` }} {{ not 0 }}", "0 z true"),
        ("{{ lt 1 2 }}{{ ge 1 2 }}{{ eq 1 2 1 }}", "truefalsetrue"),
        ('{{ json .Messages }}{{ if .Messages }}{{ end }}{{ slice "abc" 1 }}', None),
        ("{{ .Nothing.There }}", ""),
    ],
)
def test_the_language(template: str, text: str | None) -> None:
    said = rendered(f"{{{{ if .Messages }}}}{{{{ end }}}}{template}")
    assert text is None or said == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ if .A }}x", "if without an end"),
        ("x{{ end }}", "end without a beginning"),
        ("{{ .A", "an action that does not end"),
        ("a\nb{{ nope 1 }}", "line 2: 'nope' is not understood here"),
        ("{{ template `x` }}", "template is not understood"),
        ("{{ (1 }}", "a bracket is not closed"),
        ("{{ }}", "an action is empty"),
        ("{{ ; }}", "is not understood"),
        ('{{ "a\\z" }}', "is no text"),
        ("{{ $x }}", "$x is not set"),
        ("{{ index .Messages 99 }}", "failed"),
        ("{{ lt 1 `a` }}", "failed"),
        ("{{ break }}", "outside of a range"),
        ("{{ 1 2 }}", "called like a function"),
        ('{{ printf "%x" 1 }}', "the format"),
        ("{{ range 2000000 }}{{ range 2000000 }}x{{ end }}{{ end }}", "more than a prompt can need"),
        ("{{ range 20 }}{{ range 600000 }}" + "x" * 1000 + "{{ end }}{{ end }}", "writes more than"),
        ("{{ if 1 }}" * 200, "nested too deeply"),
        ("x" * 300_000, "at most 262144 are taken"),
    ],
)
def test_what_is_refused(template: str, said: str) -> None:
    with pytest.raises(TemplateError) as refused:
        rendered(template)
    assert said in str(refused.value)


@given(st.text(max_size=30) | st.lists(st.sampled_from([*CHATML.split(), "{{", "}}", "(", ")", "|", "$"]), max_size=15).map(" ".join))
def test_any_text_is_rendered_or_refused(template: str) -> None:
    try:
        rendered(template)
    except TemplateError as refused:
        told = str(refused)
    else:
        told = "the template of the model"
    assert told.startswith("the template of the model")
