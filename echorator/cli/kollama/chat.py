"""`kollama chat`: holds the dialogue of `echorator chat` through the cluster's gateway."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from echorator.cli.echorator.models import chat
from echorator.cli.kollama.cluster import cluster, model_of
from echorator.cli.kollama.wait import failure_of, lacking, serves
from echorator.cli.main import parser
from echorator.cli.options.kollama import CHAT_NUMBERS, CHAT_SWITCHES, CHAT_TEXTS
from echorator.host.children import dying_with_parent
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.resources import Object, asked_name
from echorator.ports import GATEWAY_PORT

GATEWAY = "echorator-gateway"
FORWARD_S = 20.0
NO_POD_S = 5.0  # how long kubectl waits for a pod, which is within FORWARD_S
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_BROKEN = re.compile(r"an error occurred forwarding \d+ -> \d+: (.*)\"")


def run(arguments: argparse.Namespace) -> int:
    """Chat with a Model of the cluster and return the exit code. Raises CommandError."""
    model = asyncio.run(_model(arguments))
    served = str((model.get("status") or {}).get("servedName") or asked_name(model))
    if arguments.gateway:
        return _chat(arguments, arguments.gateway, served)
    with _forwarded(arguments) as gateway:
        return _chat(arguments, gateway, served)


async def _model(arguments: argparse.Namespace) -> Object:
    async with cluster(arguments) as (client, namespace):
        model = await model_of(client, namespace, arguments.name)
    if serves(model):
        return model
    if (model.get("status") or {}).get("phase") == "Failed":
        raise CommandError(f"model/{arguments.name} failed: {failure_of(model)}", Exit.UNAVAILABLE)
    print(f"model/{arguments.name} is not ready: {lacking(model, model['metadata']['generation'])}", file=sys.stderr)
    return model


def _chat(arguments: argparse.Namespace, gateway: str, served: str) -> int:
    """Run `echorator chat --server` with the options of this command."""
    given = ["chat", "--server", gateway, "--model", served]
    for flag, *_ in (*CHAT_NUMBERS, *CHAT_TEXTS):
        value = getattr(arguments, flag[2:].replace("-", "_"))
        given += [f"{flag}={value}"] if value is not None else []
    given += [flag for flag, _ in CHAT_SWITCHES if getattr(arguments, flag[2:].replace("-", "_"))]
    return chat.run(parser().parse_args([*given, "--", *arguments.text]))


@contextmanager
def _forwarded(arguments: argparse.Namespace) -> Iterator[str]:
    """Forward a local port to the gateway while the context lasts; yield its HOST:PORT. Raises CommandError."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CommandError("kubectl is not installed, which brings calls to the gateway; install it, or name one with --gateway HOST:PORT")
    cluster_options = [f"--{name}={value}" for name in ("kubeconfig", "context") if (value := getattr(arguments, name))]
    options = [*cluster_options, f"--namespace={arguments.system_namespace}", "--address=127.0.0.1", f"--pod-running-timeout={NO_POD_S:g}s"]
    command = dying_with_parent(kubectl, "port-forward", *options, f"service/{GATEWAY}", f":{GATEWAY_PORT}")
    with tempfile.TemporaryFile("w+") as said:
        # A process group of its own: Ctrl-C on a terminal must end an answer, not the port-forward.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, text=True, process_group=0)
        try:
            yield f"127.0.0.1:{_port(process, said.fileno(), arguments.system_namespace)}"
        except CommandError as error:
            broken = _BROKEN.search(_read(said.fileno()))
            if error.code is not Exit.UNAVAILABLE or broken is None:
                raise
            raise _failed(broken[1], arguments.system_namespace) from error
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[str], said: int, namespace: str) -> str:
    """Wait for kubectl's output and return the local port in it. Raises CommandError."""
    deadline_s = time.monotonic() + FORWARD_S
    while True:
        ended = process.poll() is not None
        text = _read(said)
        if found := _FORWARDING.search(text):
            return found[1]
        if ended or time.monotonic() > deadline_s:
            why = (text.strip().splitlines()[-1:] or ["it says nothing"])[0].removeprefix("error: ")
            if "timed out waiting for the condition" in why:
                why = f"no pod of it runs, see kubectl get pods -n {namespace}"
            raise _failed(why, namespace)
        time.sleep(0.05)


def _failed(why: str, namespace: str) -> CommandError:
    said = f"kubectl port-forward to the service {GATEWAY} of namespace {namespace} failed: {why}"
    return CommandError(f"{said}; or name a gateway with --gateway HOST:PORT", Exit.UNAVAILABLE)


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 1 << 16, 0).decode("utf-8", "replace")
