"""Tell the memory two things, look one of them up, and ask a model a question that only the memory can answer.

    python remember.py [--server HOST:PORT]

HOST:PORT is a gateway, or an agent that has a memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

import grpc

from echorator.rpc.v1 import cognition_pb2 as cognition
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.common_pb2 import Scope
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

FACTS = ("My dog is called Pixel.", "My sister lives in Oslo.")
QUESTION = "What is my dog called?"
USER = "the-memory-example"  # each user has memories of its own, which no call for another user sees


async def remember_recall_chat(server: str) -> None:
    """Print what each step gave, and erase what the example told the memory. Raises grpc.aio.AioRpcError."""
    scope = Scope(user=USER)
    async with grpc.aio.insecure_channel(server) as channel:
        memory = CognitionServiceStub(channel)
        facts = [cognition.NewMemory(text=fact) for fact in FACTS]
        stored = await memory.Remember(cognition.RememberRequest(scope=scope, memories=facts), timeout=30.0)
        print(f"remembered {len(stored.ids)} facts")

        found = await memory.Recall(cognition.RecallRequest(scope=scope, query=QUESTION, k=1), timeout=30.0)
        for recalled in found.memories:
            print(f"recalled:   {recalled.memory.text}")

        request = pb.ChatRequest(
            messages=[pb.Message(role="user", content=QUESTION)],
            sampling=pb.Sampling(temperature=0.0),
            memory=pb.ChatMemory(scope=scope),  # recalls before the answer, and learns from the question after it
        )
        print("answer:     ", end="")
        async for reply in ModelServiceStub(channel).Chat(request, timeout=60.0):
            print(reply.text, end="", flush=True)
            if reply.HasField("finish"):
                print(f"\n            (memories in the prompt: {len(reply.finish.usage.memory.recalled)})")

        gone = await memory.Forget(cognition.ForgetRequest(scope=scope, everything=True), timeout=30.0)
        print(f"forgot {gone.forgotten} memories")


def main() -> None:
    parser = argparse.ArgumentParser()
    default = os.environ.get("ECHORATOR_SERVER", "127.0.0.1:50052")
    parser.add_argument("--server", default=default, metavar="HOST:PORT", help="[the variable ECHORATOR_SERVER, else 127.0.0.1:50052]")
    arguments = parser.parse_args()
    try:
        asyncio.run(remember_recall_chat(arguments.server))
    except grpc.aio.AioRpcError as error:
        hint = "; is `echorator up` running?" if error.code() is grpc.StatusCode.UNAVAILABLE else ""
        sys.exit(f"{arguments.server} did not answer: {error.code().name}: {error.details()}{hint}")


if __name__ == "__main__":
    main()
