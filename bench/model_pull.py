"""Compares `echorator pull` with curl from the same local server: a file of 1 GiB, its verification included, and the memory it takes.

    python -m bench.model_pull [--mib 1024] [--rounds 5]

The server sends with sendfile, from the page cache. Both write to the same file system and take turns; the ratio is the rounds' median.
curl neither verifies nor syncs what it writes. What a pull needs beside the transfer (starting Python, the digest, fsync) is in its time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from bench.parts import Table
from tests.support.models.servers import gguf_like

PART_BYTES = 1 << 20


class FileServer:
    """A server that sends one file for any path, with Range."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._size = path.stat().st_size
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            pending = b""
            while True:
                while b"\r\n\r\n" not in pending:
                    try:
                        received = connection.recv(65536)
                    except ConnectionResetError:
                        return
                    if not received:
                        return
                    pending += received
                head, _, pending = pending.partition(b"\r\n\r\n")
                begin, end = self._range(head)
                status = b"206 Partial Content" if b"ange: bytes=" in head else b"200 OK"
                lines = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
                connection.sendall(lines % (status, end - begin, begin, end - 1, self._size))
                while begin < end:
                    begin += os.sendfile(connection.fileno(), self._file, begin, end - begin)

    def _range(self, head: bytes) -> tuple[int, int]:
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"range: bytes="):
                first, _, last = line[13:].partition(b"-")
                return int(first), int(last) + 1 if last else self._size
        return 0, self._size


def timed(*command: str) -> tuple[float, float]:
    """Return seconds, and the most memory in MiB: VmHWM of proc(5), since getrusage(2) would include this process's own before exec."""
    begin_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most_kb = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        most_kb = max([most_kb, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.005)
    took_s = time.perf_counter() - begin_s
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return took_s, most_kb / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    table = Table("Pulling a model")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = hashlib.sha256()
        with (folder / "model").open("wb") as file:
            for number in range(arguments.mib):
                part = os.urandom(PART_BYTES) if number else gguf_like(PART_BYTES)
                file.write(part)
                state.update(part)
        server = FileServer(folder / "model")
        url = f"http://127.0.0.1:{server.port}/model.gguf"
        pull = (
            sys.executable,
            "-m",
            "echorator",
            "pull",
            f"{url}#sha256={state.hexdigest()}",
            "--any-size",
            "--models",
            str(folder / "store"),
        )
        curl = ("curl", "-s", "-o", str(folder / "curl"), url)
        rounds = []
        for _ in range(arguments.rounds):
            shutil.rmtree(folder / "store", ignore_errors=True)
            (folder / "curl").unlink(missing_ok=True)
            os.sync()
            ours_s, memory = timed(*pull)
            os.sync()
            theirs_s, _ = timed(*curl)
            rounds.append((ours_s, theirs_s, memory))
        ratio = median(theirs / ours for ours, theirs, _ in rounds)
        rates = (median(arguments.mib / ours for ours, _, _ in rounds), median(arguments.mib / theirs for _, theirs, _ in rounds))
        said = f"{rates[0]:.0f} MiB/s, curl {rates[1]:.0f} MiB/s, {ratio:.2f} x"
        table.row(f"echorator pull of {arguments.mib} MiB, verified", said, ">= 0.9 x", ratio >= 0.9)
        most = max(memory for _, _, memory in rounds)
        table.row("its memory at most", f"{most:.0f} MiB", "< 64 MiB", most < 64)


if __name__ == "__main__":
    main()
