"""The usual forms of conversations as Jinja chat templates, by name, for models whose files bring no template or a wrong one.

`--chat-template NAME` and `spec.engine.chatTemplate` name them. Written for this package after what the models were trained on. Pure; feeds
the agent's choice of a template. `settings.CHAT_TEMPLATES` lists the names.
"""

from __future__ import annotations

from collections.abc import Mapping

from echorator.settings import CHAT_TEMPLATES

# The environment drops a line end behind a block, so line ends there are written as expressions.
_EACH = "{% for m in messages %}"
# A system text is kept for the next message of the user, in forms that have no role for it.
_SYSTEM_IN_USER = "{% set ns = namespace(system='') %}" + _EACH + "{% if m.role == 'system' %}{% set ns.system = ns.system + SYSTEM %}"
_OPENING = "{% if add_generation_prompt %}"

# Tools in the form of Nous' Hermes, which many models of this form were trained on.
_CHATML = (
    "{% if tools %}<|im_start|>{{ 'system\n' }}{% if messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{% endif %}"
    "You may call functions to help the user. Their signatures stand within <tools></tools>, as JSON:\n<tools>"
    "{% for tool in tools %}{{ '\n' }}{{ tool | tojson }}{% endfor %}{{ '\n' }}</tools>\n"
    "To call one, write its name and its arguments within <tool_call></tool_call>, as JSON:\n"
    '<tool_call>\n{"name": <name>, "arguments": <arguments>}\n</tool_call><|im_end|>{{ "\n" }}{% endif %}'
    + _EACH
    + "{% if m.role == 'system' and tools and loop.first %}"
    "{% elif m.role == 'tool' %}"
    "{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}<|im_start|>user{% endif %}{{ '\n' }}<tool_response>\n{{ m.content }}\n"
    "</tool_response>{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}<|im_end|>{{ '\n' }}{% endif %}"
    "{% else %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}"
    "{% for call in m.tool_calls or [] %}{% if m.content or not loop.first %}{{ '\n' }}{% endif %}"
    '<tool_call>\n{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}"
    "<|im_end|>{{ '\n' }}{% endif %}{% endfor %}" + _OPENING + "<|im_start|>{{ 'assistant\n' }}{% endif %}"
)
_LLAMA2 = (
    _SYSTEM_IN_USER.replace("SYSTEM", "'<<SYS>>\n' + m.content + '\n<</SYS>>\n\n'")
    + "{% elif m.role == 'user' %}{{ bos_token }}[INST] {{ ns.system + m.content | trim }} [/INST]{% set ns.system = '' %}"
    "{% elif m.role == 'assistant' %} {{ m.content | trim }} {{ eos_token }}{% endif %}{% endfor %}"
)
_LLAMA3 = (
    "{{ bos_token }}"
    + _EACH
    + "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    + _OPENING
    + "<|start_header_id|>assistant<|end_header_id|>{{ '\n\n' }}{% endif %}"
)
_MISTRAL = (
    "{{ bos_token }}"
    + _SYSTEM_IN_USER.replace("SYSTEM", "m.content + '\n\n'")
    + "{% elif m.role == 'user' %}[INST] {{ ns.system + m.content }}[/INST]{% set ns.system = '' %}"
    "{% elif m.role == 'assistant' %} {{ m.content | trim }}{{ eos_token }}{% endif %}{% endfor %}"
)
_GEMMA = (
    "{{ bos_token }}"
    + _SYSTEM_IN_USER.replace("SYSTEM", "m.content + '\n\n'")
    + "{% else %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ ns.system + m.content | trim }}<end_of_turn>"
    "{{ '\n' }}{% set ns.system = '' %}{% endif %}{% endfor %}" + _OPENING + "<start_of_turn>{{ 'model\n' }}{% endif %}"
)
_PHI3 = _EACH + "<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}" + _OPENING + "<|assistant|>{{ '\n' }}{% endif %}"
_ZEPHYR = _EACH + "<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}" + _OPENING + "<|assistant|>{{ '\n' }}{% endif %}"
_VICUNA = (
    "{{ bos_token }}" + _EACH + "{% if m.role == 'system' %}{{ m.content }}{{ '\n\n' }}"
    "{% elif m.role == 'user' %}USER: {{ m.content }}{{ '\n' }}"
    "{% elif m.role == 'assistant' %}ASSISTANT: {{ m.content }}{{ eos_token }}{{ '\n' }}{% endif %}{% endfor %}"
    + _OPENING
    + "ASSISTANT:{% endif %}"
)
_ALPACA = (
    _EACH + "{% if m.role == 'system' %}{{ m.content }}{{ '\n\n' }}"
    "{% elif m.role == 'user' %}### Instruction:\n{{ m.content }}{{ '\n\n' }}"
    "{% elif m.role == 'assistant' %}### Response:\n{{ m.content }}{{ '\n\n' }}{% endif %}{% endfor %}"
    + _OPENING
    + "### Response:{{ '\n' }}{% endif %}"
)
_PLAIN = (
    _EACH + "{% if m.role == 'system' %}{{ m.content }}{{ '\n\n' }}{% elif m.role == 'user' %}User: {{ m.content }}{{ '\n' }}"
    "{% elif m.role == 'assistant' %}Assistant: {{ m.content }}{{ '\n' }}{% endif %}{% endfor %}" + _OPENING + "Assistant:{% endif %}"
)

TEMPLATES: Mapping[str, str] = dict(
    zip(
        CHAT_TEMPLATES,
        (_CHATML, _LLAMA2, _LLAMA3, _MISTRAL, _GEMMA, _PHI3, _ZEPHYR, _VICUNA, _ALPACA, _PLAIN),
        strict=True,
    )
)
"""The source of each template."""

STOPS: Mapping[str, tuple[str, ...]] = {"vicuna": ("\nUSER:",), "alpaca": ("\n### Instruction:",), "plain": ("\nUser:",)}
"""Texts by which an answer ends, in forms whose turns do not end with a token of their own."""


def source_of(template: str) -> str:
    """Return the source of a template that is given as a name or as the source itself."""
    return TEMPLATES.get(template, template)


def default_name(texts: frozenset[str]) -> str:
    """Return the name of the form for a model without a template, `texts` being the special tokens of its vocabulary.

    ChatML where the vocabulary has its tokens, for then the model was trained on them or made ready for it. Else the plain form: to a model
    that knows no markers they are noise, spelled out in many tokens, and no token of its own would end an answer; lines with "User:" and
    "Assistant:" are what base models have seen in their texts.
    """
    return "chatml" if {"<|im_start|>", "<|im_end|>"} <= texts else "plain"
