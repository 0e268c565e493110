"""Fetches one blob from a server into the store: in parallel chunks, resumable, and verified while it arrives.

A chunk is one request with a Range. The hash follows the chunks in their order, reading what was just written, so that the network is not
waited for twice. One process pulls a blob; others that want it wait for that process and see its progress. A process that dies frees its
lock, and the next one resumes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from echorator.errors import ModelFileError, ResourceError
from echorator.model_files.first_look import Check
from echorator.model_files.http import AbsentError, AnswerError, DeniedError, Http, Target, TryAgainError, read_into, shown, wait_s
from echorator.model_files.json_text import whole_number
from echorator.model_files.partial import Partial, discard, progress_of
from echorator.model_files.store import Layer, Store, written_to
from echorator.serving.folder_lock import FolderBusyError, hold

ATTEMPTS = 8  # failures in a row, without a byte between them
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 2, 8
SLOW_BYTES_PER_S = 32 << 20  # below this rate another connection may help
BUFFER_BYTES = 1 << 20
TEND_S = 0.25
POLL_S = 0.05  # between two looks at a blob that another process pulls
SPARE_BYTES = 64 << 20  # free space that is left on the disk


class DigestError(AnswerError):
    """The server's bytes do not have the digest that was asked for."""


OnProgress = Callable[[int, int], None]  # (bytes done, bytes in all)


@dataclass(frozen=True)
class Origin:
    """The server of a blob. `target` is called for each request, since a token may have to be renewed."""

    target: Callable[[], Target]
    denied: Callable[[], bool] = lambda: False  # called after a 401 to get another token; True where another attempt is worthwhile


@dataclass
class _Work:
    """The state that the threads of one pull share."""

    partial: Partial
    waiting: list[int]
    lock: threading.Lock = field(default_factory=threading.Lock)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    stop: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    def next_chunk(self) -> int | None:
        with self.lock:
            return self.waiting.pop(0) if self.waiting and not self.stop.is_set() else None

    def fail(self, error: BaseException) -> None:
        with self.lock:
            self.failure = self.failure or error
        self.end()

    def end(self) -> None:
        self.stop.set()
        with self.arrived:
            self.arrived.notify_all()


def fetch(store: Store, layer: Layer, origin: Origin, http: Http, on_progress: OnProgress, check: Check | None = None) -> Path:
    """Return the path of a layer's blob, complete and verified, from the store or else from the server.

    `check` looks at the beginning as it arrives, and raises an error to refuse the blob.

    Raises:
        NetworkError, DeniedError, AbsentError, AnswerError, DigestError: the server fails, refuses, or sends something else.
        ResourceError: the disk is full, or may not be written.
    """
    while True:
        if store.has(layer):
            on_progress(layer.size_bytes, layer.size_bytes)
            return store.blob(layer.digest)
        held = claim(store.lock(layer.digest))
        if held is None:
            on_progress(progress_of(store.partial(layer.digest))[0], layer.size_bytes)
            time.sleep(POLL_S)
            continue
        try:
            if not store.has(layer):
                _pull(store, layer, origin, http, on_progress, check)
        except OSError as error:
            raise written_to(store.partial(layer.digest), error) from error
        finally:
            with suppress(OSError):
                store.lock(layer.digest).unlink()
            os.close(held)


def claim(lock: Path) -> int | None:
    """Lock a file for this process and return its descriptor; None where another process has it. Raises ResourceError."""
    try:
        held = hold(lock)
    except FolderBusyError:
        return None
    except OSError as error:
        raise written_to(lock, error) from error
    try:
        if os.path.samestat(os.fstat(held), os.stat(lock)):
            return held
    except FileNotFoundError:
        pass
    os.close(held)  # the file was removed, by a pull that ended, after it was opened here
    return None


def _pull(store: Store, layer: Layer, origin: Origin, http: Http, on_progress: OnProgress, check: Check | None) -> None:
    path = store.partial(layer.digest)
    _room(path, layer)
    partial = Partial.open(path, layer.size_bytes)
    try:
        digest = _transfer(partial, layer, origin, http, on_progress, check)
        if digest == layer.digest:
            partial.sync()
    except ModelFileError:
        discard(path)
        raise
    finally:
        partial.close()
    if digest != layer.digest:
        discard(path)
        raise DigestError(
            f"{shown(origin.target().url)}: its content is {digest}, not {layer.digest}: it is damaged; nothing of it was kept"
        )
    store.accept(layer.digest)


def _room(path: Path, layer: Layer) -> None:
    """Check that the disk has room for the blob. Raises ResourceError where it has not."""
    free = shutil.disk_usage(path.parent).free
    with suppress(OSError):
        free += path.lstat().st_blocks * 512
    if free < layer.size_bytes + min(SPARE_BYTES, layer.size_bytes // 10):
        sizes = f"{layer.size_bytes >> 20} MiB are to be pulled, {free >> 20} MiB are free"
        raise ResourceError(f"{path.parent}: {sizes}; free some space, or use another --models folder")


def _transfer(partial: Partial, layer: Layer, origin: Origin, http: Http, on_progress: OnProgress, check: Check | None) -> str:
    """Fetch all missing chunks and return the digest of the whole."""
    work = _Work(partial, [chunk for chunk in range(partial.chunks) if not partial.complete(chunk)])
    threads: list[threading.Thread] = []

    def one_more() -> None:
        thread = threading.Thread(target=_worker, args=(work, layer, origin, http), name=f"pull-{len(threads)}", daemon=True)
        threads.append(thread)
        thread.start()

    for _ in range(min(FEWEST_CONNECTIONS, len(work.waiting))):
        one_more()
    tending = threading.Thread(target=_tend, args=(work, one_more), name="pull-tend", daemon=True)
    tending.start()
    try:
        return _follow(work, on_progress, check)
    finally:
        work.end()
        tending.join()
        for thread in threads:
            thread.join()


def _tend(work: _Work, one_more: Callable[[], None]) -> None:
    """Sync what has arrived during the transfer, so that the last sync is short, and give a slow pull more connections."""
    connections, before = FEWEST_CONNECTIONS, work.partial.total_done_bytes()
    try:
        while not work.stop.wait(TEND_S):
            now = work.partial.total_done_bytes()
            if connections < MOST_CONNECTIONS and work.waiting and now - before < SLOW_BYTES_PER_S * TEND_S:
                connections += 1
                one_more()
            before = now
            work.partial.sync()
    except OSError as error:
        work.fail(error)


def _follow(work: _Work, on_progress: OnProgress, check: Check | None) -> str:
    """Hash the chunks in their order as they arrive, and return the digest."""
    partial = work.partial
    state, view = hashlib.sha256(), memoryview(bytearray(BUFFER_BYTES))
    offset, wanted = 0, 1
    for chunk in range(partial.chunks):
        begin, end = partial.span(chunk)
        while offset < end:
            there = begin + partial.done_bytes(chunk)
            if check is not None and wanted and there >= min(wanted, partial.size_bytes):
                wanted = check(partial.read, there)
            if there <= offset:
                with work.arrived:
                    work.arrived.wait(POLL_S)
                on_progress(partial.total_done_bytes(), partial.size_bytes)
                if work.failure is not None:
                    raise work.failure
                continue
            count = partial.read(view[: min(BUFFER_BYTES, there - offset)], offset)
            state.update(view[:count])
            offset += count
        on_progress(partial.total_done_bytes(), partial.size_bytes)
    return f"sha256:{state.hexdigest()}"


def _worker(work: _Work, layer: Layer, origin: Origin, http: Http) -> None:
    buffer = memoryview(bytearray(BUFFER_BYTES))
    try:
        while (chunk := work.next_chunk()) is not None:
            _chunk(work, chunk, layer, origin, http, buffer)
    except BaseException as error:  # noqa: BLE001  told by the thread that follows
        work.fail(error)


def _chunk(work: _Work, chunk: int, layer: Layer, origin: Origin, http: Http, buffer: memoryview) -> None:
    """Fetch a chunk until it is complete. Raises what ends the pull."""
    attempt = 0
    while not work.partial.complete(chunk) and not work.stop.is_set():
        before = work.partial.done_bytes(chunk)
        try:
            _request(work, chunk, layer, origin, http, buffer)
        except TryAgainError as error:
            attempt = 1 if work.partial.done_bytes(chunk) > before else attempt + 1
            if attempt >= ATTEMPTS:
                there = f"{work.partial.total_done_bytes() >> 20} of {layer.size_bytes >> 20} MiB"
                raise error.at_last(f"{error}, {attempt} times in a row; {there} are kept: pull again to go on") from error
            work.stop.wait(wait_s(attempt, error.after_s))


def _request(work: _Work, chunk: int, layer: Layer, origin: Origin, http: Http, buffer: memoryview) -> None:
    """Send one request for the missing part of a chunk and write what arrives."""
    partial = work.partial
    begin, end = partial.span(chunk)
    start = begin + partial.done_bytes(chunk)
    target = origin.target()
    response = http.open(Target(target.url, {**target.headers, "Range": f"bytes={start}-{end - 1}"}))
    with response:
        check_answer(response, layer, origin)
        skip = 0 if response.status_code == 206 else start  # a server without Range sends the whole blob
        while start < end and not work.stop.is_set():
            count = read_into(response, buffer[: min(BUFFER_BYTES, skip or end - start)])
            if not count:
                raise TryAgainError(f"{shown(target.url)} broke off at {start} of {layer.size_bytes} bytes")
            if skip:
                skip -= count
                continue
            partial.write(chunk, buffer[:count])
            start += count
            with work.arrived:
                work.arrived.notify_all()


def check_answer(response: requests.Response, layer: Layer, origin: Origin) -> None:
    """Check an answer's status and size. Raises the status's error, and AnswerError for a body of another size than the layer's."""
    url, status = shown(response.url), response.status_code
    if status == 401 and origin.denied():
        raise TryAgainError(f"{url}: the token was no longer good", 0.0, DeniedError)
    refuse(url, status, response.reason)
    total = response.headers.get("Content-Range", "").rpartition("/")[2] if status == 206 else response.headers.get("Content-Length", "")
    if whole_number(total) not in (None, layer.size_bytes):
        raise AnswerError(f"{url} has {total} bytes, not {layer.size_bytes}: it is not the file that was asked for")


CREDENTIALS = (
    "`docker login`, or set HF_TOKEN, for that host; in Kubernetes spec.imagePullSecrets, or the Secret hugging-face-token, has them"
)


def refuse(url: str, status: int, reason: str) -> None:
    """Raise the error that a status other than success means."""
    url, reason = shown(url), "".join(c for c in reason if c.isprintable())[:60]
    if status in (401, 403):
        raise DeniedError(f"{url} answers {status} {reason}: it wants credentials; {CREDENTIALS}")
    if status in (404, 410):
        raise AbsentError(f"{url} is not there ({status} {reason}); look at the name, the tag and the spelling")
    if status == 416:
        raise AnswerError(f"{url} answers 416 {reason}: it is shorter than it should be")
    if status not in (200, 206):
        raise AnswerError(f"{url} answers {status} {reason}")
