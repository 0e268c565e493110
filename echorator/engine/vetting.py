"""Whether a GGUF file may be loaded into a process that serves others.

llama.cpp checks much of a file and returns an error, but some damaged or hostile files make it abort or crash, and
that would take every loaded model down. So a child process goes first: it maps the file, computes two tokens on the
CPU and reads every token's text. A child that dies is a file that is refused. It costs one read of the file, which
the load then finds in the page cache; a verdict holds until the file changes. Feeds the agent's registry.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from echorator.engine.digest import Identity, identity
from echorator.errors import EchoratorError, ModelFileError
from echorator.settings import EngineSettings, Lora, Sampling

_MARK = "refused: "
_FOREIGN = (
    (b"PK\x03\x04", "a zip or PyTorch archive"),
    (b"\x80\x02", "a pickle"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself"),
    (b"lmgg", "a GGML file of before GGUF; convert it"),
    (b"tjgg", "a GGJT file of before GGUF; convert it"),
    (b"{", "JSON, perhaps a manifest"),
)
_ADAPTER = b"general.type" + struct.pack("<IQ", 8, len("adapter")) + b"adapter"  # 8: text
_accepted: set[tuple[Identity, ...]] = set()


def check_kind(path: Path) -> None:
    """Raises ModelFileError where the first bytes already say that it is no GGUF file."""
    if path.is_dir():
        raise ModelFileError(f"{path}: is a folder; name the .gguf file in it")
    identity(path)
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as e:
        raise ModelFileError(f"{path}: {e.strerror or e}") from e
    if not start:
        raise ModelFileError(f"{path}: is empty")
    if start.startswith(b"GGUF"):
        return
    kind = next((kind for magic, kind in _FOREIGN if start.startswith(magic)), "another kind of file")
    if start[8:9] == b"{":
        kind = "a safetensors file; convert it with llama.cpp's convert_hf_to_gguf.py"
    raise ModelFileError(f"{path}: is not a GGUF file but {kind}")


def _is_adapter(path: Path) -> bool:
    """By the metadata that converters write first."""
    with path.open("rb") as file:
        return _ADAPTER in file.read(4096)


def vet(settings: EngineSettings, timeout_s: float = 600.0) -> None:
    """Return if the file, with its adapters, can be loaded. Blocking; for a thread.

    Raises:
        ModelFileError: one is missing, foreign, damaged, or makes llama.cpp crash or hang; the message says which.
    """
    path = settings.path
    files = (path, *(lora.path for lora in settings.lora))
    for file in files:
        check_kind(file)
    if _is_adapter(path):
        raise ModelFileError(
            f"{path} is a LoRA adapter, not a model; load the model that it was made for, and this on top by the option lora"
        )
    key = tuple(identity(file) for file in files)
    if key in _accepted:
        return
    command = [sys.executable, "-P", "-m", "echorator.engine.vetting", *map(str, files)]  # -P: not what the current folder has by that name
    environment = os.environ | {"GGML_NO_BACKTRACE": "1", "OMP_NUM_THREADS": "2"}
    try:
        child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, env=environment, check=False)
    except subprocess.TimeoutExpired as e:
        raise ModelFileError(f"{path}: was not checked within {timeout_s:g} s; it may be damaged, or the disk is slow") from e
    if child.returncode == 0:
        _accepted.add(key)
        return
    lines = child.stderr.decode("utf-8", "replace").splitlines()
    refused = next((line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)), "")
    if refused:
        raise ModelFileError(refused)
    telling = [line.strip() for line in lines if "ASSERT" in line or "abort" in line or "error" in line.lower()]
    how = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit code {child.returncode}"
    names, reason = " with ".join(map(str, files)), telling[-1] if telling else "no reason given"
    raise ModelFileError(f"{names}: llama.cpp crashes on it ({how}): {reason}; the file is damaged")


def _try(path: Path, adapters: Sequence[Path]) -> None:
    """In the child: everything that a served model does, with little memory."""
    from echorator._native.engine import Embedder, Engine, Model
    from echorator.engine.chat_template import ChatTemplate

    settings = EngineSettings(
        path, context_tokens=128, slots=1, batch_tokens=32, ubatch_tokens=32, gpu_layers=0, threads=2, repack=False, kv_layout="unified"
    )
    settings = replace(settings, lora=tuple(Lora(adapter) for adapter in adapters))
    model = Model(settings)
    vocabulary = model.info.vocabulary
    for token in range(vocabulary):
        model.token_bytes(token, True)
    prompt = model.tokenize("Hello, 世界 🙂\n", True, True) or [0]
    model.detokenize(prompt, True)
    model.metadata()
    if model.info.chat_template:
        with contextlib.suppress(EchoratorError):  # said when a chat is asked for; the model still completes prompts
            ChatTemplate(model.info.chat_template, model.info.bos, model.info.eos)
    if not model.info.generates:
        Embedder(model, settings, "mean").embed([prompt[:16]])
        return
    engine = Engine(model, replace(settings, prefix_cache=False))
    request = engine.submit(prompt[:16], Sampling(temperature=0), max_tokens=2, ignore_eos=True)
    finished = False
    while not finished:
        select.select([engine.event_fd], [], [], 1.0)
        finished = any(event.request == request and event.finish for event in engine.drain())
    engine.close()


def main() -> None:
    """The child: exit code 0, or 1 and a line on stderr that says why."""
    path, *adapters = map(Path, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size_bytes = sum(file.stat().st_size for file in (path, *adapters))
    room = 2 * size_bytes + (8 << 30)  # address space, not memory: the files mapped, and what libraries reserve
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    try:
        _try(path, adapters)
    except (EchoratorError, MemoryError, ValueError, RuntimeError) as e:
        text = str(e) or type(e).__name__
        told = any(str(file) in text for file in (path, *adapters))
        print(_MARK + (text if told else f"{path}: {text}"), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
