"""What a memory that is hosted in an agent asks the agent's models: tokens of texts, gists of old talk, and observations of turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echorator import json_digits
from echorator.agent.answering import Thinking
from echorator.agent.chat_prompt import Opening
from echorator.agent.loading.served_model import ServedModel
from echorator.agent.requests import Limits
from echorator.agent.server import AgentServer
from echorator.agent.tools import Offer
from echorator.cognition.recall.context import safe
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import LEAST_PRIORITY, Sampling

GIST = "Summarise these notes in at most three sentences. Keep names, dates and numbers."
GIST_TOKENS = 160
OBSERVATIONS = (
    "Below is one turn of a conversation. List what it tells about the user and the people, animals, things and plans "
    "of which the user speaks: one short sentence in the third person for each fact, with names, numbers and dates as they were said. "
    "Leave out questions, small talk and what only the assistant says. The list may be empty."
)
OBSERVATION_TOKENS = 512
LONGEST_TURN = 8192  # characters of each side of a turn that the model reads
_NO_THOUGHT = Thinking(enabled=False)
_SCHEMA = {
    "type": "object",
    "properties": {"observations": {"type": "array", "items": {"type": "string", "maxLength": 400}, "maxItems": 16}},
    "required": ["observations"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class MemoryModels:
    """The models of one agent as its memory uses them; requests of the memory give way to all others."""

    agent: AgentServer
    summarise_with: str = ""  # name of the model that makes gists
    observe_with: str = ""  # name of the model that makes observations
    instructions: str = ""  # what the model is told about observations besides

    async def count(self, model: str, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text by the model's tokenizer."""
        served = self.agent.registry.get(model)
        return [len(await served.tokenize(text, False, False)) for text in texts]

    async def summarise(self, texts: Sequence[str]) -> str:
        """Return one gist of the texts."""
        notes = "\n".join(f"- {safe(text)}" for text in texts)
        return await self._said(self.agent.registry.get(self.summarise_with), f"{GIST}\n{notes}", GIST_TOKENS)

    async def observe(self, said: str, answer: str) -> list[str]:
        """Return what a turn tells, a sentence each; none where the model's answer was cut."""
        served = self.agent.registry.get(self.observe_with)
        rules = f"{OBSERVATIONS}\n{self.instructions}".strip()
        turn = json.dumps({"user": said[:LONGEST_TURN], "assistant": answer[:LONGEST_TURN]}, ensure_ascii=False)
        text = await self._said(served, f"{rules}\n\n{turn}", OBSERVATION_TOKENS, _SCHEMA)
        try:
            return [str(one) for one in json_digits.loads(text)["observations"]]
        except ValueError:  # the answer ended at its limit
            return []

    @staticmethod
    async def _said(served: ServedModel, prompt: str, most_tokens: int, schema: dict[str, Any] | None = None) -> str:
        shape = "" if schema is None else await served.schemas.grammar_of(schema)
        async with served.chat_form() as form:
            shown = await form.answers.conversation([{"role": "user", "content": prompt}], {}, Offer(), _NO_THOUGHT)
            rendered = await form.prompts.prompt(*shown, Opening(), False)
            plan = await form.answers.plan(Offer(), _NO_THOUGHT, rendered.text, shape)
        limits = Limits(max_tokens=most_tokens, priority=LEAST_PRIORITY)
        stream = served.start(rendered.tokens, Sampling(temperature=0.0), limits, 0.0, grammar=plan.grammar, watch=plan.watch)
        said = ""
        try:
            while True:
                event = await stream.next()
                part = pb.ChatResponse(text=event.text)
                if plan.reader is not None:
                    plan.reader.read(part, event)
                said += part.text
                if event.finish:
                    return said.strip()
        finally:
            served.end(stream)
