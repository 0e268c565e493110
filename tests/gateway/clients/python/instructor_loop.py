"""instructor: an answer in the form of a class, by a forced call of a tool and by a JSON schema."""

from __future__ import annotations

import instructor
import tools
from openai import OpenAI
from pydantic import BaseModel


class Sum(BaseModel):
    """The sum of two numbers."""

    a: int
    b: int


client = OpenAI(base_url=f"{tools.URL}/v1", api_key="none")
called = instructor.from_openai(client, mode=instructor.Mode.TOOLS)
made = called.chat.completions.create(model="m", response_model=Sum, max_retries=0, messages=[{"role": "user", "content": tools.TASK}])
tools.tell(answer=f"{made.a} and {made.b}")
