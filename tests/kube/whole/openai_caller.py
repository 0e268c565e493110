"""OpenAI's client as the only process of a pod: which models there are, something told, and a streamed answer that needs it.

    OPENAI_BASE_URL=http://HOST:PORT/v1 OPENAI_API_KEY=none python -m tests.kube.whole.openai_caller MODEL USER

Prints JSON, which is the log of its pod.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from openai import OpenAI


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("user")
    arguments = parser.parse_args()
    memory = {"memory": {"user": arguments.user}}
    with OpenAI(max_retries=0) as client:

        def ask(text: str, **options: Any) -> Any:
            messages: Any = [{"role": "user", "content": text}]
            return client.chat.completions.create(model=arguments.model, messages=messages, temperature=0, extra_body=memory, **options)

        models = [model.id for model in client.models.list()]
        ask("My dog is called Pixel.")
        chunks = list(ask("What is my dog called?", stream=True, stream_options={"include_usage": True}))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    said = {
        "models": models,
        "answer": "".join(choice.delta.content or "" for choice in choices),
        "finish_reason": choices[-1].finish_reason,
        "completion_tokens": chunks[-1].usage.completion_tokens,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
