"""The dialects that no render shows, or that renders show wrongly. Each is recognised by texts in the template.

What is None here is as `inferring` finds it. `dialect_of` is what `agent` asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from echorator.prompting.dialects.dialect import (
    GENERIC,
    ID,
    NUMBER,
    Calls,
    Dialect,
    JsonCall,
    KeywordArguments,
    NamedCall,
    NestedArguments,
    TaggedArguments,
    Thoughts,
)
from echorator.prompting.dialects.inferring import inferred
from echorator.prompting.template_needs import Render, TemplateProbe


@dataclass(frozen=True)
class Declared:
    """What is known of the dialect of a template that has all of the signs in its source."""

    signs: tuple[str, ...]
    thoughts: Thoughts | None = None
    calls: Calls | None = None
    begins: str | None = None
    silent: tuple[str, ...] | None = None
    written_open: str | None = None
    carried: str | None = None


_K3_TYPES = ("string", "number", "boolean", "null", "array", "object")

DECLARED = (
    # OpenAI's harmony: every message has a channel, and a call has a recipient, which may stand in two places.
    Declared(
        signs=("<|channel|>analysis<|message|>", "<|start|>assistant"),
        thoughts=Thoughts("<|channel|>analysis<|message|>", "<|end|>", anywhere=True),
        calls=Calls(
            NamedCall(
                (
                    " <|constrain|>json<|message|>",
                    "<|channel|>commentary json<|message|>",
                    "<|channel|>commentary <|constrain|>json<|message|>",
                    "<|channel|>commentary<|message|>",
                    " json<|message|>",
                    "<|message|>",
                )
            ),
            opens=" to=functions.",
            also_opens=("<|channel|>commentary to=functions.", "<|channel|>analysis to=functions."),
            several=False,
        ),
        silent=(
            "<|start|>assistant",
            "<|channel|>final<|message|>",
            "<|channel|>final <|constrain|>json<|message|>",
            "<|channel|>commentary<|message|>",
            "<|end|>",
            "<|return|>",
            "<|call|>",
        ),
        begins="<|start|>assistant",
        written_open="<|channel|>final<|message|>",
    ),
    # Solar: a message of its own for thought, calls and text.
    Declared(
        signs=("<|think|>", "<|tool_call:begin|>", "<|content|>"),
        thoughts=Thoughts("<|think|>", "<|end|>", anywhere=True),
        calls=Calls(
            NamedCall(("<|tool_call:args|>",)),
            opens=f"<|tool_call:begin|>{ID}<|tool_call:name|>",
            closes="<|tool_call:end|>",
            section_opens="<|tool_calls|>",
        ),
        silent=("<|begin|>assistant", "<|content|>", "<|end|>", "<|calls|>"),
        begins="<|begin|>assistant",
        written_open="<|content|>",
    ),
    # Kimi K3: all tags are made of the same three tokens.
    Declared(
        signs=("<|open|>", "<|sep|>", "<|end_of_msg|>"),
        thoughts=Thoughts("<|open|>think<|sep|>", "<|close|>think<|sep|>", "thinking", anywhere=True),
        calls=Calls(
            NamedCall(
                (f'" index="{NUMBER}"<|sep|>',),
                TaggedArguments(
                    '<|open|>argument key="',
                    tuple((kind, f'" type="{kind}"<|sep|>') for kind in _K3_TYPES),
                    "<|close|>argument<|sep|>",
                ),
            ),
            opens='<|open|>call tool="',
            closes="<|close|>call<|sep|>",
            section_opens="<|open|>tools<|sep|>",
            section_closes="<|close|>tools<|sep|>",
        ),
        silent=("<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>", "<|end_of_msg|>"),
        begins='<|open|>message role="assistant"<|sep|>',
        written_open="<|open|>response<|sep|>",
    ),
    # MiniMax M3: arguments are elements, however deep.
    Declared(
        signs=("]<]minimax[>[", "<invoke name="),
        calls=Calls(
            NamedCall(('">',), NestedArguments("]<]minimax[>[")),
            opens=']<]minimax[>[<invoke name="',
            closes="]<]minimax[>[</invoke>",
            separator="\n",
            section_opens="]<]minimax[>[<tool_call>\n",
            section_closes="\n]<]minimax[>[</tool_call>",
        ),
    ),
    # Muse: a message has a recipient: itself for thoughts, a tool, or the user.
    Declared(
        signs=("to=self<|message|>", "<atem:"),
        thoughts=Thoughts(" to=self<|message|>", "<|eom|>", anywhere=True),
        calls=Calls(
            NamedCall(('">\n',), TaggedArguments('<atem:parameter name="', (("", '">'),), "</atem:parameter>", "\n")),
            opens='<atem:invoke name="',
            closes="\n</atem:invoke>",
            separator="\n",
            section_opens="<atem:function_calls>\n",
            section_closes="\n</atem:function_calls>",
        ),
        silent=("<|start|>assistant", " to=user<|message|>", f" to={ID}<|message|>", "<|eom|>", "<|eot|>"),
        begins="<|start|>assistant",
        written_open=f" to={ID}<|message|>",
    ),
    # Functionary v3.2: everything has a recipient, and the prompt ends in what begins the first one.
    Declared(
        signs=(">>>all", "<|start_header_id|>"),
        calls=Calls(NamedCall(("\n",)), opens=">>>"),
        silent=(">>>all",),
        begins="<|start_header_id|>assistant<|end_header_id|>\n\n",
        written_open="all\n",
        carried=">>>",
    ),
    # Command R+: an instruction of the system behind the last message says which form comes.
    Declared(
        signs=("Action:", "directly-answer", "<|CHATBOT_TOKEN|>"),
        calls=Calls(
            JsonCall("tool_name", "parameters"),
            separator=",\n    ",
            section_opens="Action:\n```json\n[\n    ",
            section_closes="\n]```",
        ),
        begins="<|CHATBOT_TOKEN|>",
        silent=(),
        written_open="",
    ),
    # Llama 3: the tag is written before calls of built-in tools, and by habit before others too.
    Declared(signs=("<|start_header_id|>", '{"name": ', '"parameters": '), silent=("<|python_tag|>", "<|eom_id|>")),
    # Gemma 4: behind a call the model begins the turn of the results.
    Declared(
        signs=("<|channel>thought", "<|tool_response>"),
        thoughts=Thoughts("<|channel>thought\n", "<channel|>", "enable_thinking", anywhere=True),
        silent=("<|tool_response>",),
    ),
    # Mistral's reasoning models: the template shows a thought only as a part of the content, of the type "thinking".
    Declared(signs=("[THINK]", "[TOOL_CALLS]"), thoughts=Thoughts("[THINK]", "[/THINK]", anywhere=True)),
    # Apriel 1.5: the message of the system asks for these words.
    Declared(
        signs=("[BEGIN FINAL RESPONSE]", "<|assistant|>"),
        thoughts=Thoughts("Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]"),
        silent=("[END FINAL RESPONSE]",),
    ),
    # Templates that name the form to the model, and show no calls of earlier turns.
    Declared(
        signs=("<|tool_call|>", "<|end_of_role|>"),
        thoughts=Thoughts("<think>", "</think>", "thinking"),
        calls=Calls(JsonCall(), separator=", ", section_opens="<|tool_call|>[", section_closes="]"),
        silent=("<response>", "</response>"),
        written_open="",
    ),
    Declared(
        signs=("<|tool_list_start|>",),
        calls=Calls(
            NamedCall(("(",), KeywordArguments()),
            separator=", ",
            section_opens="<|tool_call_start|>[",
            section_closes="]<|tool_call_end|>",
        ),
    ),
    Declared(
        signs=("List of tools: [", "keep_past_thinking"),
        thoughts=Thoughts("<think>", "</think>"),
        calls=Calls(
            NamedCall(("(",), KeywordArguments()),
            separator=", ",
            section_opens="<|tool_call_start|>[",
            section_closes="]<|tool_call_end|>",
        ),
    ),
)


async def dialect_of(source: str, render: Render, probe: TemplateProbe) -> Dialect:
    """Return the dialect of a chat template: what its renders show, and what is declared for it.

    A template that shows no calls gets the generic form: its tools have to be described in a message, see `tools_message`.

    Args:
        source: text of the template.
        render: the template's render function.
        probe: of the same template.
    """
    dialect = await inferred(render, probe)
    for known in DECLARED:
        if all(sign in source for sign in known.signs):
            dialect = _with(dialect, known)
    return dialect if dialect.calls is not None else replace(dialect, calls=GENERIC)


def _with(dialect: Dialect, known: Declared) -> Dialect:
    named = ("thoughts", "calls", "begins", "silent", "written_open", "carried")
    return replace(dialect, **{name: value for name in named if (value := getattr(known, name)) is not None})
