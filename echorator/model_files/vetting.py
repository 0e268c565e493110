"""Decides whether a GGUF file may be loaded into a process that serves others, and how much memory it takes.

llama.cpp checks much of a file and returns an error, but some damaged or hostile files make it abort or crash, and
that would take down every loaded model. So a child process goes first: it reads the metadata and computes the memory (see `memory_needs`);
if that much is free, it maps the file, computes two tokens on the CPU and reads every token's text. A file whose child dies is
refused. The check costs one read of the file, which the load then finds in the page cache; the verdict holds until it changes. Feeds the
agent's registry.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from echorator.engine.digest import Identity, identity
from echorator.engine.memory_needs import DevicePart, Needs, check_room, measured
from echorator.engine.weights_file import check_kind, failed_to_open, opened
from echorator.errors import DrainingError, EchoratorError, ModelFileError, ResourceError
from echorator.settings import EngineSettings, Lora, Sampling

_MARK = "refused: "
_NO_ROOM = 3  # exit code of a child that stopped after computing the memory
_POLL_S = 0.1
_NICE = 5  # the check gives way to models that serve: a third of the processor time that they get where there is too little for both
_ADAPTER = b"general.type" + struct.pack("<IQ", 8, len("adapter")) + b"adapter"  # 8: the GGUF type of a string


_Files = tuple[Identity, ...]
MOST_KEPT = 1024  # verdicts and needs that are cached; older ones are computed again
_accepted: dict[_Files, None] = {}
_reckoned: dict[tuple[_Files, EngineSettings], Needs] = {}


@dataclass(frozen=True)
class Room:
    """The memory that may be used: `free_bytes` of the host, of which `held_bytes` are reserved."""

    free_bytes: int
    held_bytes: int = 0


def _is_adapter(path: Path) -> bool:
    """Return whether a file is a LoRA adapter, by the metadata that converters write first."""
    fd = opened(path)
    try:
        return _ADAPTER in os.read(fd, 4096)
    finally:
        os.close(fd)


def vet(settings: EngineSettings, timeout_s: float = 600.0, room: Room | None = None, stopping: threading.Event | None = None) -> Needs:
    """Check that a file and its adapters can be loaded, and return the memory they need. Blocking; for a thread.

    Args:
        settings: the settings of the engine that will serve the file.
        timeout_s: the time limit of the child.
        room: the memory to fit into; None: the fit is not checked.
        stopping: once it is set, the child is killed.

    Raises:
        ModelFileError: a file is missing, foreign, damaged, or makes llama.cpp crash or hang; the message says which.
        ResourceError: the model does not fit, or this process has no descriptor left; only metadata was read.
        DrainingError: `stopping` was set.
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
    needs = _reckoned.get((key, settings))
    if key not in _accepted or needs is None:
        needs = _looked_at(settings, files, key, timeout_s, room, stopping or threading.Event())
    if room is not None:
        check_room(path.name, needs, room.free_bytes, room.held_bytes)
    return needs


def _looked_at(
    settings: EngineSettings, files: Sequence[Path], key: _Files, timeout_s: float, room: Room | None, stopping: threading.Event
) -> Needs:
    """Check the files in a child and cache the result. Raises ModelFileError, ResourceError, DrainingError."""
    job = {
        "settings": _as_json(settings),
        "room_bytes": None if room is None else max(0, room.free_bytes - room.held_bytes),
        "reckon_only": key in _accepted,
    }
    code, said, errors = _child(json.dumps(job), settings.path, timeout_s, stopping)
    needs = _needs_from(said)
    if needs is not None:
        _keep(_reckoned, (key, settings), needs)
    if code == 0 and needs is not None:
        _keep(_accepted, key, None)
        return needs
    if code == _NO_ROOM and needs is not None and room is not None:
        return needs  # `vet` compares the needs with the room and raises the error
    lines = errors.splitlines()
    refused = next((line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)), "")
    if refused:
        raise ModelFileError(refused)
    telling = [line.strip() for line in lines if "ASSERT" in line or "abort" in line or "error" in line.lower()]
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    names, reason = " with ".join(map(str, files)), telling[-1] if telling else "no reason given"
    raise ModelFileError(f"{names}: llama.cpp crashes on it ({how}): {reason}; the file is damaged")


def _child(job: str, path: Path, timeout_s: float, stopping: threading.Event) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a child. Raises ModelFileError (not in time), ResourceError (not started), DrainingError."""
    command = [sys.executable, "-P", "-m", "echorator.model_files.vetting", job]  # -P: no import from the current folder
    environment = os.environ | {"GGML_NO_BACKTRACE": "1", "OMP_NUM_THREADS": "2"}
    deadline_s = time.monotonic() + timeout_s
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
        )
    except OSError as error:
        short = failed_to_open(path, error)
        raise short if isinstance(short, ResourceError) else ResourceError(f"{path}: the check cannot be started: {error}") from error
    with suppress(ProcessLookupError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
    with child:
        while True:
            try:
                said, errors = child.communicate(timeout=min(_POLL_S, timeout_s))
            except subprocess.TimeoutExpired as error:
                if not stopping.is_set() and time.monotonic() < deadline_s:
                    continue
                child.kill()
                if stopping.is_set():
                    raise DrainingError("the server is shutting down and loads nothing more") from error
                raise ModelFileError(f"{path}: was not checked within {timeout_s:g} s; it may be damaged, or the disk is slow") from error
            return child.returncode, said.decode("utf-8", "replace"), errors.decode("utf-8", "replace")


def _keep(known: dict[Any, Any], key: object, value: object) -> None:
    if len(known) >= MOST_KEPT:
        known.pop(next(iter(known)), None)
    known[key] = value


def _as_json(settings: EngineSettings) -> dict[str, Any]:
    fields = asdict(settings)
    return {**fields, "path": str(settings.path), "lora": [[str(lora.path), lora.scale] for lora in settings.lora]}


def _settings_from(fields: dict[str, Any]) -> EngineSettings:
    lora = tuple(Lora(Path(path), scale) for path, scale in fields["lora"])
    return EngineSettings(**{**fields, "path": Path(fields["path"]), "lora": lora, "tensor_split": tuple(fields["tensor_split"])})


def _needs_from(said: str) -> Needs | None:
    """Parse the needs that the child wrote; None where it did not get that far."""
    try:
        fields = json.loads(said)
        return Needs(**{**fields, "devices": tuple(DevicePart(**part) for part in fields["devices"])})
    except (ValueError, TypeError, KeyError):
        return None


def _try(path: Path, adapters: Sequence[Path]) -> None:
    """Do in the child everything that a served model does, with little memory."""
    from echorator._native.engine import Embedder, Engine, Model

    settings = EngineSettings(
        path, context_tokens=128, slots=1, batch_tokens=32, ubatch_tokens=32, gpu_layers=0, threads=2, repack=False, kv_layout="unified"
    )
    settings = replace(settings, lora=tuple(Lora(adapter) for adapter in adapters))
    model = Model(settings)
    vocabulary = model.info.vocabulary
    for token in range(vocabulary):
        model.token_bytes(token, True)
    for text in ("", "  ", "\n\n\t\t  x", "a b  c\r\n" + "".join(map(chr, range(1, 256)))):
        for special in (True, False):
            model.tokenize(text, special, special)  # some tokenizers abort at two spaces or at a line's end
    prompt = model.tokenize("Hello, 世界 🙂\n", True, True) or [0]
    model.detokenize(prompt, True)
    model.metadata()
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
    """Run the child. Exit code 0; 1 with a line on stderr that says why not; _NO_ROOM where the model needs more than it may have.

    The needs are written to stdout as JSON.
    """
    job = json.loads(sys.argv[1])
    settings = _settings_from(job["settings"])
    path, adapters = settings.path, [lora.path for lora in settings.lora]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size_bytes = sum(file.stat().st_size for file in (path, *adapters))
    space = 2 * size_bytes + (8 << 30)  # address space, not memory: the mapped files, and what libraries reserve
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    try:
        needs = measured(settings)
        print(json.dumps(asdict(needs)), flush=True)
        if job["room_bytes"] is not None and needs.host_bytes > job["room_bytes"]:
            sys.exit(_NO_ROOM)
        if not job["reckon_only"]:
            _try(path, adapters)
    except (EchoratorError, MemoryError, ValueError, RuntimeError, OSError) as e:
        text = str(e) or type(e).__name__
        told = any(str(file) in text for file in (path, *adapters))
        print(_MARK + " ".join((text if told else f"{path}: {text}").split()), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
