"""Use Echorator's memory as a retriever of LangChain: a chain puts what is recalled into a prompt.

    python langchain_memory.py [--url URL]

`EchoratorRetriever` is for copying: it needs langchain-core alone, and asks the memory over HTTP.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough

USER = "the-langchain-example"


class EchoratorRetriever(BaseRetriever):
    """Recalls the memories of one user; `filter` is a Filter of the API as JSON, such as {"categories": ["work"]}."""

    url: str = "http://127.0.0.1:8080"
    user: str
    k: int = 5
    filter: dict[str, Any] | None = None

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of one call of the memory's HTTP API. Raises urllib.error.URLError."""
        target = f"{self.url}/v1/memories{path}?{urllib.parse.urlencode({'user': self.user})}"
        request = urllib.request.Request(target, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def remember(self, *texts: str, **labels: Any) -> list[str]:
        """Store texts, with `metadata`, `categories` and the like for all of them, and return their ids."""
        ids: list[str] = self.call("", {"memories": [{"text": text, **labels} for text in texts]})["ids"]
        return ids

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
    ) -> list[Document]:
        found = self.call("/recall", {"query": query, "k": self.k} | ({"filter": self.filter} if self.filter else {}))
        return [
            Document(
                r["memory"]["text"],
                id=r["memory"]["id"],
                metadata={"confidence": r["confidence"], "said_at_s": r["memory"]["said_at_s"], **r["memory"].get("metadata", {})},
            )
            for r in found["memories"]
        ]


def main() -> None:
    parser = argparse.ArgumentParser()
    default = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1").removesuffix("/v1")
    parser.add_argument("--url", default=default, help="[the variable OPENAI_BASE_URL without /v1, else http://127.0.0.1:8080]")
    arguments = parser.parse_args()
    memory = EchoratorRetriever(url=arguments.url.removesuffix("/v1"), user=USER, k=1)
    prompt = ChatPromptTemplate.from_messages([("system", "What you know: {known}"), ("user", "{question}")])
    chain = {"known": memory | (lambda found: "; ".join(d.page_content for d in found)), "question": RunnablePassthrough()} | prompt
    try:
        print(
            f"remembered {len(memory.remember('My dog is called Pixel.', 'My sister lives in Oslo.', metadata={'from': 'example'}))} facts"
        )
        for message in chain.invoke("What is my dog called?").to_messages():
            print(f"{message.type}: {message.content}")
        print(f"metadata: {memory.invoke('my sister')[0].metadata['from']}")
        print(f"forgot {memory.call('/forget', {'everything': True})['forgotten']} memories")
    except urllib.error.HTTPError as error:
        sys.exit(f"{arguments.url} refused the request: {json.load(error)['error']['message']}")
    except urllib.error.URLError:
        sys.exit(f"no server answers at {arguments.url}; is `echorator up` running?")


if __name__ == "__main__":
    main()
