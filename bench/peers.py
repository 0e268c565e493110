"""Starts the compared servers as real processes: ours, llama.cpp's, and the two of llama-cpp-python.

llama.cpp's programs are built from the sources inside the llama-cpp-python sdist of the pinned version, so that all
run the same kernels. They are kept in ~/.cache/echorator/peers/VERSION (or ECHORATOR_PEERS_DIR); ECHORATOR_PEERS_CMAKE
holds further cmake flags, such as -DGGML_CUDA=ON.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

ROOT = Path(__file__).parents[1]
THREADS = 2
_OFF = ("LLAMA_CURL", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_UI", "LLAMA_USE_PREBUILT_UI", "LLAMA_OPENSSL")
_CMAKE = ("-DCMAKE_BUILD_TYPE=Release", *(f"-D{name}=OFF" for name in _OFF))


@dataclass(frozen=True)
class Server:
    """A running server. `kind` selects the protocol: echorator, llama-server or openai."""

    name: str
    kind: str
    port: int
    pid: int

    def memory_bytes(self) -> tuple[int, int]:
        """Return the resident and the proportional set size in bytes."""
        status = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        sizes = {k: int(v) * 1024 for k, v in re.findall(r"^(Rss|Pss):\s+(\d+) kB", status, re.MULTILINE)}
        return sizes["Rss"], sizes["Pss"]


class PeerError(RuntimeError):
    """A peer did not do what its part of a bench needs; the message has its last output."""


def folder() -> Path:
    """Return the folder where the peers are built and kept."""
    default = Path.home() / ".cache" / "echorator" / "peers" / version("llama-cpp-python")
    return Path(os.environ.get("ECHORATOR_PEERS_DIR", default))


def sources() -> Path:
    """Return the unpacked sdist of llama-cpp-python, fetched by pip if it is missing."""
    found = folder() / f"llama_cpp_python-{version('llama-cpp-python')}"
    if not found.exists():
        folder().mkdir(parents=True, exist_ok=True)
        requirement = f"llama-cpp-python=={version('llama-cpp-python')}"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--no-binary",
                "llama-cpp-python",
                "-d",
                str(folder()),
                requirement,
            ],
            check=True,
        )
        with tarfile.open(next(folder().glob("llama_cpp_python-*.tar.gz"))) as archive:
            archive.extractall(folder(), filter="data")
    return found


def program(name: str) -> Path:
    """Return llama-server or llama-batched-bench, built if it is missing (about ten minutes on two cores)."""
    build = folder() / "b"
    path = build / "bin" / name
    if not path.exists():
        flags = [*_CMAKE, *os.environ.get("ECHORATOR_PEERS_CMAKE", "").split()]
        subprocess.run(["cmake", "-S", str(sources() / "vendor" / "llama.cpp"), "-B", str(build), *flags], check=True)
        jobs = str(len(os.sched_getaffinity(0)))
        subprocess.run(["cmake", "--build", str(build), "-j", jobs, "--target", "llama-server", "llama-batched-bench"], check=True)
    return path


def vocabulary() -> Path:
    """Return a real vocabulary of 32,000 tokens: llama.cpp's vocabulary-only file."""
    return sources() / "vendor" / "llama.cpp" / "models" / "ggml-vocab-llama-spm.gguf"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def _running(name: str, kind: str, port: int, command: list[str], ready: str) -> Iterator[Server]:
    log = (folder() / f"{name.replace(' ', '-')}.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
    try:
        deadline = time.monotonic() + 300
        while not _answers(port, ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: see {log.name}")
            time.sleep(0.1)
        yield Server(name, kind, port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _answers(port: int, path: str) -> bool:
    try:
        if path.startswith("grpc:"):
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                reply = HealthStub(channel).Check(HealthCheckRequest(service=path.removeprefix("grpc:")), timeout=2)
                return bool(reply.status == HealthCheckResponse.SERVING)
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
    except (OSError, grpc.RpcError):
        return False
    return True


@contextlib.contextmanager
def echorator(model: Path, slots: int, context_tokens: int, layout: str, threads: int = THREADS) -> Iterator[Server]:
    """Run our server. `layout`: separate or unified."""
    port = free_port()
    command = [sys.executable, "-m", "echorator", "serve", str(model), "--name", "bench", "--port", str(port), "--slots", str(slots)]
    command += ["--context-tokens", str(context_tokens), "--threads", str(threads), "--kv-layout", layout]
    with _running(f"echorator {layout}", "echorator", port, command, "grpc:echorator.v1.ModelService/bench") as server:
        yield server


@contextlib.contextmanager
def llama_server(model: Path, slots: int, context_tokens: int, layout: str) -> Iterator[Server]:
    """Run llama.cpp's server. Its prompt cache in host memory is off: it would copy every prompt, all of which are distinct here."""
    port = free_port()
    command = [str(program("llama-server")), "-m", str(model), "--port", str(port), "-np", str(slots), "-c", str(context_tokens)]
    command += ["-t", str(THREADS), "-b", "2048", "-ub", "512", "--cache-ram", "0", "-kvu" if layout == "unified" else "-no-kvu"]
    with _running(f"llama-server {layout}", "llama-server", port, command, "/health") as server:
        yield server


@contextlib.contextmanager
def packaged(model: Path, context_tokens: int) -> Iterator[Server]:
    """Run the server of `python -m llama_cpp.server`."""
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--port", str(port), "--n_ctx", str(context_tokens)]
    command += ["--n_threads", str(THREADS), "--n_threads_batch", str(THREADS), "--interrupt_requests", "False"]
    with _running("llama_cpp.server", "openai", port, command, "/v1/models") as server:
        yield server


@contextlib.contextmanager
def example(model: Path, slots: int, context_tokens: int) -> Iterator[Server]:
    """Run the batching server among llama-cpp-python's examples."""
    port = free_port()
    config = folder() / "example.json"
    settings = {
        "alias": "bench", "path": str(model), "n_ctx": context_tokens, "n_seq_max": slots, "n_batch": 2048, "n_ubatch": 512,
        "threads": THREADS, "threads_batch": THREADS, "kv_unified": True, "store_logits": False, "use_mmap": True,
    }  # fmt: skip
    config.write_text(json.dumps({"server": {"host": "127.0.0.1", "port": port}, "model": settings}))
    script = sources() / "examples" / "server" / "server.py"
    with _running("llama-cpp-python example", "openai", port, [sys.executable, str(script), "-C", str(config)], "/v1/models") as server:
        yield server


def batched_bench(model: Path, prompt_tokens: int, tokens: int, streams: int, layout: str) -> float:
    """Return the generated tokens per second of llama-batched-bench, the time of the prompts included."""
    context = 2 * streams * (prompt_tokens + tokens) + 512
    command = [str(program("llama-batched-bench")), "-m", str(model), "-c", str(context), "-b", "2048", "-ub", "512", "-t", str(THREADS)]
    command += ["-npp", str(prompt_tokens), "-ntg", str(tokens), "-npl", str(streams), *(["-kvu"] if layout == "unified" else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return streams * tokens / table_seconds(done.stdout, done.stderr, done.returncode)


def table_seconds(text: str, errors: str, code: int) -> float:
    """Return the total time in the last row of llama-batched-bench. Raises PeerError with its last output where there is no row."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if re.match(r"\|\s*\d", line)]
    if code or not rows or len(rows[-1]) < 10:
        last = [line.strip() for line in (errors or text).splitlines() if line.strip()][-3:]
        raise PeerError(f"llama-batched-bench ended with {code} and {len(rows)} rows of its table: {' / '.join(last) or 'it said nothing'}")
    return float(rows[-1][9])
