"""One blob from a server into the store: several chunks at a time, gone on with where an earlier pull ended, verified while it comes.

A chunk is one request with a Range. The hash follows the chunks in their order, reading what was just written, so that nothing waits for
the network twice. One process pulls a blob, whoever else wants it waits for that one and sees its progress; a process that dies frees its
lock, and the next one goes on.
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
from echorator.images.first_look import Check
from echorator.images.http import AbsentError, AnswerError, DeniedError, Http, Target, TryAgainError, read_into, wait_s
from echorator.images.partial import Partial, discard, progress_of
from echorator.images.store import Layer, Store, written_to
from echorator.serving.folder_lock import FolderBusyError, hold

ATTEMPTS = 8  # failures in a row, without a byte between them
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 2, 8
SLOW_BYTES_PER_S = 32 << 20  # below it another connection may help
BUFFER_BYTES = 1 << 20
TEND_S = 0.25
POLL_S = 0.05  # while another process pulls the blob
SPARE_BYTES = 64 << 20  # of the disk that are not filled


class DigestError(AnswerError):
    """The server's bytes are not those that were asked for."""


OnProgress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True)
class Origin:
    """Where a blob comes from. `target` is asked for each request, since a token may have to be renewed."""

    target: Callable[[], Target]
    denied: Callable[[], bool] = lambda: False  # 401: get another token; True where that is worth another try


@dataclass
class _Work:
    """What the threads of one pull share."""

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
    """The blob of a layer, from the store or the server; whole and verified.

    `check` looks at the beginning as it comes, and raises what refuses the blob.

    Raises:
        NetworkError, DeniedError, AbsentError, AnswerError, DigestError: see there.
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
    """An open lock file that is this process's; None where another one has it. Raises ResourceError."""
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
    os.close(held)  # of a pull that ended and removed it, between its opening and its lock here
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
        raise DigestError(f"{origin.target().url}: its content is {digest}, not {layer.digest}: it is damaged; nothing of it was kept")
    store.accept(layer.digest)


def _room(path: Path, layer: Layer) -> None:
    """Raises ResourceError where the disk cannot take the blob."""
    free = shutil.disk_usage(path.parent).free
    with suppress(OSError):
        free += path.lstat().st_blocks * 512
    if free < layer.size_bytes + min(SPARE_BYTES, layer.size_bytes // 10):
        sizes = f"{layer.size_bytes >> 20} MiB are to be pulled, {free >> 20} MiB are free"
        raise ResourceError(f"{path.parent}: {sizes}; free some space, or use another --models folder")


def _transfer(partial: Partial, layer: Layer, origin: Origin, http: Http, on_progress: OnProgress, check: Check | None) -> str:
    """All chunks; the digest of what is there then."""
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
    """While the network brings more, the disk writes, so that the last sync has little left to do; a slow pull gets more connections."""
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
    """Hash the chunks in their order, as they come."""
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
    """Until it is complete. Raises what ends the pull."""
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
    """One request for what a chunk lacks."""
    partial = work.partial
    begin, end = partial.span(chunk)
    start = begin + partial.done_bytes(chunk)
    target = origin.target()
    response = http.open(Target(target.url, {**target.headers, "Range": f"bytes={start}-{end - 1}"}))
    with response:
        check_answer(response, layer, origin)
        skip = 0 if response.status_code == 206 else start  # a server without Range sends all of it
        while start < end and not work.stop.is_set():
            count = read_into(response, buffer[: min(BUFFER_BYTES, skip or end - start)])
            if not count:
                raise TryAgainError(f"{target.url} broke off at {start} of {layer.size_bytes} bytes")
            if skip:
                skip -= count
                continue
            partial.write(chunk, buffer[:count])
            start += count
            with work.arrived:
                work.arrived.notify_all()


def check_answer(response: requests.Response, layer: Layer, origin: Origin) -> None:
    """Raises what the status means, and AnswerError for a body of another size than the layer's."""
    url, status = response.url, response.status_code
    if status == 401 and origin.denied():
        raise TryAgainError(f"{url}: the token was no longer good", 0.0, DeniedError)
    refuse(url, status, response.reason)
    total = response.headers.get("Content-Range", "").rpartition("/")[2] if status == 206 else response.headers.get("Content-Length", "")
    if total.isdigit() and int(total) != layer.size_bytes:
        raise AnswerError(f"{url} has {total} bytes, not {layer.size_bytes}: it is not the file that was asked for")


CREDENTIALS = (
    "`docker login`, or set HF_TOKEN, for that host; in Kubernetes spec.imagePullSecrets, or the Secret hugging-face-token, has them"
)


def refuse(url: str, status: int, reason: str) -> None:
    """Raises what a status that is no success means."""
    if status in (401, 403):
        raise DeniedError(f"{url} answers {status} {reason}: it wants credentials; {CREDENTIALS}")
    if status in (404, 410):
        raise AbsentError(f"{url} is not there ({status} {reason}); look at the name, the tag and the spelling")
    if status == 416:
        raise AnswerError(f"{url} answers 416 {reason}: it is shorter than it should be")
    if status not in (200, 206):
        raise AnswerError(f"{url} answers {status} {reason}")
