"""Ask a model over gRPC and print its answer while it is being written.

    python ask.py [--server TARGET] [--model NAME] [TEXT]

TARGET is HOST:PORT of a gateway or an agent, or xds:///MODEL, which leads to the agents of a model without a gateway between.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

import grpc

from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub


async def ask(server: str, model: str, text: str) -> None:
    """Print the answer piece by piece, then what it took. Raises grpc.aio.AioRpcError."""
    messages = [pb.Message(role="user", content=text)]
    request = pb.ChatRequest(model=model, messages=messages, sampling=pb.Sampling(temperature=0.0))
    async with grpc.aio.insecure_channel(server) as channel:
        async for reply in ModelServiceStub(channel).Chat(request, timeout=60.0):
            print(reply.text, end="", flush=True)
            if reply.HasField("finish"):  # only the last message of an answer has it
                usage = reply.finish.usage
                print(f"\n({usage.prompt_tokens} tokens in the prompt, {usage.completion_tokens} in the answer)")


def main() -> None:
    parser = argparse.ArgumentParser()
    default = os.environ.get("ECHORATOR_SERVER", "127.0.0.1:50052")
    parser.add_argument("--server", default=default, metavar="TARGET", help="[the variable ECHORATOR_SERVER, else 127.0.0.1:50052]")
    parser.add_argument("--model", default="", metavar="NAME", help="needed only where several models are served")
    parser.add_argument("text", nargs="?", default="Hello!", metavar="TEXT", help="[Hello!]")
    arguments = parser.parse_args()
    try:
        asyncio.run(ask(arguments.server, arguments.model, arguments.text))
    except grpc.aio.AioRpcError as error:
        hint = "; is `echorator up` running?" if error.code() is grpc.StatusCode.UNAVAILABLE else ""
        sys.exit(f"{arguments.server} did not answer: {error.code().name}: {error.details()}{hint}")


if __name__ == "__main__":
    main()
