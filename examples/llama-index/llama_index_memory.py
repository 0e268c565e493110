"""Use Echorator's memory as a memory block of LlamaIndex: it learns from the turns of a chat, and recalls into the next ones.

    python llama_index_memory.py [--url URL]

`EchoratorMemoryBlock` is for copying: it needs llama-index-core alone, and asks the memory over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import BaseMemoryBlock, Memory

USER = "the-llama-index-example"


class EchoratorMemoryBlock(BaseMemoryBlock[str]):
    """The memories of one user that are relevant to the last message, a line each."""

    name: str = "echorator"
    url: str = "http://127.0.0.1:8080"
    user: str
    session: str = ""
    k: int = 5

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of one call of the memory's HTTP API. Raises urllib.error.URLError."""
        target = f"{self.url}/v1/memories{path}?{urllib.parse.urlencode({'user': self.user, 'session': self.session})}"
        request = urllib.request.Request(target, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    async def _aget(self, messages: list[ChatMessage] | None = None, **_: Any) -> str:
        query = next((m.content for m in reversed(messages or []) if m.role == MessageRole.USER and m.content), None)
        if query is None:
            return ""
        found = await asyncio.to_thread(self.call, "/recall", {"query": query, "k": self.k})
        return "\n".join(r["memory"]["text"] for r in found["memories"])

    async def _aput(self, messages: list[ChatMessage]) -> None:
        said = ""
        for message in messages:
            if message.role == MessageRole.USER:
                said = message.content or ""
            elif message.role == MessageRole.ASSISTANT and said:
                await asyncio.to_thread(self.call, "/experiences", {"user_text": said, "answer": message.content or ""})
                said = ""


async def talk(block: EchoratorMemoryBlock) -> None:
    """Print what a second chat knows of the first one."""
    turn = [ChatMessage(role="user", content="My dog is called Pixel."), ChatMessage(role="assistant", content="A fine name.")]
    await block.aput(turn)  # LlamaIndex does so itself when a chat outgrows its short-term memory
    later = Memory.from_defaults(session_id="later", memory_blocks=[block])
    later.put(ChatMessage(role="user", content="What is my dog called?"))
    for message in await later.aget():
        print(f"{message.role.value}: {' '.join((message.content or '').split())}")
    print(f"forgot {block.call('/forget', {'everything': True})['forgotten']} memories")


def main() -> None:
    parser = argparse.ArgumentParser()
    default = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1").removesuffix("/v1")
    parser.add_argument("--url", default=default, help="[the variable OPENAI_BASE_URL without /v1, else http://127.0.0.1:8080]")
    arguments = parser.parse_args()
    try:
        asyncio.run(talk(EchoratorMemoryBlock(url=arguments.url.removesuffix("/v1"), user=USER, session="first", k=1)))
    except urllib.error.HTTPError as error:
        sys.exit(f"{arguments.url} refused the request: {json.load(error)['error']['message']}")
    except urllib.error.URLError:
        sys.exit(f"no server answers at {arguments.url}; is `echorator up` running?")


if __name__ == "__main__":
    main()
