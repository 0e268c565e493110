"""Looks at this machine and this user's servers, and says of each thing whether it is right, and what to do where it is not.

It changes nothing: it starts no server, opens no memory and writes no file.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from echorator import machine
from echorator.host.folders import cache_folder, data_home
from echorator.host.model_store import stores_of
from echorator.host.running_file import Running, find, find_any
from echorator.ports import AGENT_PORT, CONTROLLER_PORT, GATEWAY_PORT, HTTP_PORT

OK, NOTE, WRONG = "ok", "note", "wrong"
LITTLE_DISK_BYTES = 2 << 30  # a small model with its memory has no room below this
ASK_S = 5.0
_EXTRAS = {"psycopg": "postgres", "mcp": "mcp", "safetensors": "minilm", "PIL": "map", "envoy": "envoy"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `state` is OK, NOTE for what works and is worth knowing, or WRONG; `todo` is "" for nothing."""

    what: str
    state: str
    says: str
    todo: str = ""


def findings(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Yield what was found, what matters most first."""
    yield _program()
    yield from _engine()
    yield from _gpus()
    yield _memory()
    yield from _disks()
    yield from _folders()
    running = find_any()
    yield _server(running)
    yield from _ports(running)
    yield from _proxies(environment)
    yield _extras()


def _program() -> Finding:
    return Finding("echorator", OK, f"{version('echorator')}, grpcio {version('grpcio')}, Python {platform.python_version()}")


def _engine() -> Iterator[Finding]:
    try:
        from echorator._native import engine, recall_index  # noqa: F401
    except ImportError as error:
        yield Finding("engine", WRONG, f"its native modules cannot be loaded: {error}", "install echorator again, for this Python")
        return
    built, there = str(engine.BUILT_FOR), version("llama-cpp-python")
    if built != there:
        yield Finding("engine", WRONG, f"built for llama-cpp-python {built}, {there} is installed", "install echorator again")
    else:
        yield Finding("engine", OK, f"llama-cpp-python {there}, llama.cpp {engine.LLAMA_CPP}, {machine.cores(machine.ROOT)} cores")


def _gpus() -> Iterator[Finding]:
    from llama_cpp import llama_supports_gpu_offload

    found = _nvidia()
    if llama_supports_gpu_offload():
        state = OK if found else NOTE
        yield Finding("GPU", state, f"llama.cpp is built for one; {found or 'none is found by nvidia-smi'}")
    elif found:
        todo = "CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-cache-dir echorator, see docs/guides/gpu.md"
        yield Finding("GPU", NOTE, f"{found}, and llama.cpp is built for the CPU alone", todo)
    else:
        yield Finding("GPU", OK, "none: models run on the CPU")


def _nvidia() -> str:
    """Return the NVIDIA GPUs and their free memory in words, "" for none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    query = (program, "--query-gpu=name,memory.free", "--format=csv,noheader")
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=ASK_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(
        f"{name.strip()} ({free.strip()} free)" for name, _, free in (line.partition(",") for line in done.stdout.splitlines())
    )


def _memory() -> Finding:
    free, whole = machine.memory_free_bytes(machine.ROOT), machine.memory_bytes(machine.ROOT)
    says = f"{_gib(free)} of {_gib(whole)} are free"
    if free < 1 << 30:
        return Finding("memory", WRONG, says, "end other programs; even a small model needs 1 GiB")
    return Finding("memory", OK, f"{says}; models of up to about {_gib(free * 3 // 4)} fit")


def _disks() -> Iterator[Finding]:
    own, others = stores_of(None)
    for what, folder in (("models", own.folder), ("data", data_home())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        stored = f", {sum(1 for _ in own.all())} models pulled" if what == "models" and folder.exists() else ""
        says = f"{folder}: {_gib(free)} free{stored}"
        if free < LITTLE_DISK_BYTES:
            yield Finding(f"disk of {what}", WRONG, says, "free some space: echorator models remove NAME, echorator models prune")
        else:
            yield Finding(f"disk of {what}", OK, says)
    for store in others:
        yield Finding("models of Ollama", OK, f"{store.folder} is read too")


def _folders() -> Iterator[Finding]:
    for folder in (data_home(), cache_folder()):
        if not folder.exists():
            continue
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Finding(
                "permissions", WRONG, f"{folder} cannot be written by this user", f"chown it to yourself: chown -R $USER {folder}"
            )
        elif folder == data_home() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            yield Finding("permissions", NOTE, f"{folder} may be read by other users", f"chmod 700 {folder}")
        else:
            yield Finding("permissions", OK, f"{folder} is this user's own")


def _server(running: Running | None) -> Finding:
    if running is None:
        return Finding("server", NOTE, "no `up` or `serve` of this user runs", "echorator up, or echorator run MODEL")
    what = f"`{'up' if running.controller else 'serve'}` runs as process {running.pid}"
    if not _listens(running.gateway):
        todo = f"end it (kill {running.pid}) and start it again with --log-level info"
        return Finding("server", WRONG, f"{what} and does not listen on {running.gateway}", todo)
    http, memory = f", http://{running.http}" if running.http else "", ", with a memory" if running.memory else ""
    return Finding("server", OK, f"{what}: {running.gateway}{http}{memory}")


def _ports(running: Running | None) -> Iterator[Finding]:
    ours = {address for address in (running.gateway, running.controller, running.http) if address} if running is not None else set()
    ours = {address.rpartition(":")[2] for address in ours}
    names = {CONTROLLER_PORT: "controller", AGENT_PORT: "serve", GATEWAY_PORT: "gRPC of up", HTTP_PORT: "HTTP of up"}
    taken = [f"{port} ({what})" for port, what in names.items() if str(port) not in ours and _listens(f"127.0.0.1:{port}")]
    if taken:
        options = "choose others: --port, --http-port, --controller-port"
        yield Finding("ports", NOTE, f"used by another program: {', '.join(taken)}", options if find() is None else "")
    else:
        yield Finding("ports", OK, f"{', '.join(map(str, names))} are free or used by your own server")


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
            return True
    except OSError:
        return False


def _proxies(environment: Mapping[str, str]) -> Iterator[Finding]:
    set_ = [name for name in ("grpc_proxy", "https_proxy", "http_proxy") if environment.get(name)]
    spared = ",".join(environment.get(name, "") for name in ("no_grpc_proxy", "no_proxy"))
    if set_ and "127.0.0.1" not in spared and "*" not in spared:
        todo = "export no_proxy=localhost,127.0.0.1"
        yield Finding("proxy", WRONG, f"{', '.join(set_)} is set, so that calls to 127.0.0.1 go to the proxy", todo)


def _extras() -> Finding:
    there = [extra for module, extra in _EXTRAS.items() if importlib.util.find_spec(module) is not None]
    missing = [extra for extra in _EXTRAS.values() if extra not in there]
    return Finding("extras", OK, f"installed: {', '.join(there) or 'none'}; not installed: {', '.join(missing) or 'none'}")


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):.1f} GiB"
