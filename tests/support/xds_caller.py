"""Calls a model through xDS until its stdin ends, then prints how many calls there were and what failed. A process of its own, for
gRPC reads the bootstrap once a process.

    python -m tests.support.xds_caller TARGET [--model NAME] [--session KEY] [--message TEXT] [--max-tokens N] [--calls N]
        [--wait-for-ready]
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from typing import Any

import grpc

from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub


def _stop_at_end_of_stdin(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--model", default="", help="what the request names [as the target]")
    parser.add_argument("--session", default="")
    parser.add_argument("--message", default="Hello!")
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--calls", type=int, default=1 << 30)
    parser.add_argument("--wait-for-ready", action="store_true")
    arguments = parser.parse_args()
    stop = threading.Event()
    threading.Thread(target=_stop_at_end_of_stdin, args=(stop,), daemon=True).start()
    model = arguments.model or arguments.target.removeprefix("xds:///")
    messages = [pb.Message(role="user", content=arguments.message)]
    limits = pb.Limits(max_tokens=arguments.max_tokens)
    request = pb.ChatRequest(model=model, messages=messages, sampling=pb.Sampling(temperature=0.0), limits=limits)
    metadata = (("x-echorator-session", arguments.session),) if arguments.session else ()
    answers: dict[str, int] = {}
    failures: list[str] = []
    times_s: list[float] = []
    with grpc.insecure_channel(arguments.target) as channel:
        stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]
        while not stop.is_set() and len(times_s) < arguments.calls:
            begin_s = time.monotonic()
            try:
                replies = stub.Chat(request, timeout=20.0, metadata=metadata, wait_for_ready=arguments.wait_for_ready)
                text = "".join(reply.text for reply in replies)
                answers[text] = answers.get(text, 0) + 1
            except grpc.RpcError as caught:
                error: Any = caught
                failures.append(f"{error.code().name}: {error.details()}")
            if not times_s:
                print("called", flush=True)
            times_s.append(time.monotonic() - begin_s)
    print(json.dumps({"answers": answers, "failures": failures, "slowest_s": max(times_s, default=0.0)}))


if __name__ == "__main__":
    main()
