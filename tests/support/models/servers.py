"""Servers that tests pull from: a real registry process, and one that misbehaves on purpose."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import ssl
import struct
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gguf
import requests
import zstandard

from tests.support.ports import free_port
from tests.support.waiting import until

OLLAMA = "application/vnd.ollama.image."
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class RegistryServer:
    """Debian's docker-registry."""

    def __init__(self, folder: Path, more: str = "") -> None:
        program = shutil.which("docker-registry") or ""
        self.host = f"127.0.0.1:{free_port()}"
        config = folder / "registry.yml"
        storage = f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}"
        config.write_text(f"version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: {self.host}}}\n{more}")
        self._log = (folder / "registry.log").open("wb")
        self.process = subprocess.Popen((program, "serve", str(config)), stdout=self._log, stderr=subprocess.STDOUT)
        until(self._answers, "the registry answers")

    def _answers(self) -> bool:
        try:
            requests.get(f"http://{self.host}/v2/", timeout=5)
        except requests.RequestException:
            return False
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()

    def blob(self, repository: str, data: bytes, auth: tuple[str, str] | None = None) -> dict[str, Any]:
        """Push one; returns what a manifest says of it."""
        base = f"http://{self.host}/v2/{repository}"
        started = requests.post(f"{base}/blobs/uploads/", auth=auth, timeout=10)
        place = started.headers["Location"]
        join = "&" if "?" in place else "?"
        done = requests.put(f"{place}{join}digest={digest_of(data)}", data=data, auth=auth, timeout=60)
        assert done.status_code == 201, done.text
        return {"digest": digest_of(data), "size": len(data)}

    def manifest(self, repository: str, tag: str, body: dict[str, Any], kind: str, auth: tuple[str, str] | None = None) -> str:
        """Push one; returns its digest."""
        text = json.dumps({"schemaVersion": 2, "mediaType": kind, **body}).encode()
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        done = requests.put(url, data=text, headers={"Content-Type": kind}, auth=auth, timeout=10)
        assert done.status_code == 201, done.text
        return digest_of(text)

    def ollama(self, repository: str, model: bytes, tag: str = "latest", auth: tuple[str, str] | None = None, **layers: bytes) -> str:
        """A model as Ollama has it; returns the manifest's digest."""
        parts = [{"mediaType": f"{OLLAMA}{kind}", **self.blob(repository, data, auth)} for kind, data in {"model": model, **layers}.items()]
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", **self.blob(repository, b"{}", auth)}
        return self.manifest(repository, tag, {"config": config, "layers": parts}, DOCKER_MANIFEST, auth)

    def oci(self, repository: str, tag: str, layers: list[dict[str, Any]]) -> str:
        """An artefact; returns its digest."""
        config = {"mediaType": "application/vnd.oci.empty.v1+json", **self.blob(repository, b"{}")}
        return self.manifest(repository, tag, {"config": config, "layers": layers}, OCI_MANIFEST)

    def image(self, repository: str, tag: str, layers: list[bytes], kind: str = "tar+gzip") -> str:
        """A container image of tar layers; returns its digest."""
        parts = [{"mediaType": f"application/vnd.oci.image.layer.v1.{kind}", **self.blob(repository, data)} for data in layers]
        return self.oci(repository, tag, parts)


def tar_of(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """An archive; a name that ends with > is a symbolic link to its content. `mode` is tarfile's, or zst."""
    if mode == "zst":
        return zstandard.compress(tar_of(files, "w"))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name.removesuffix(">"))
            entry.size = 0 if name.endswith(">") else len(data)
            if name.endswith(">"):
                entry.type, entry.linkname = tarfile.SYMTYPE, data.decode()
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@contextmanager
def registry_server(folder: Path, more: str = "") -> Iterator[RegistryServer]:
    server = RegistryServer(folder, more)
    try:
        yield server
    finally:
        server.close()


@dataclass
class Seen:
    """One request."""

    path: str
    range: str
    authorization: str
    host: str


@dataclass
class Manners:
    """How a server misbehaves. `before` may answer a request itself and then returns True."""

    ranges: bool = True
    cut: Callable[[int], int] | None = None  # of a body's length, how much is sent before the connection is broken
    bytes_per_s: float = 0.0
    lie_length: int = 0
    before: Callable[[BaseHTTPRequestHandler, int], bool] | None = None
    seen: list[Seen] = field(default_factory=list)
    sent_bytes: int = 0


class BadServer:
    """Serves files by their path."""

    def __init__(self, files: dict[str, bytes], manners: Manners | None = None, certificate: Path | None = None) -> None:
        self.files = files
        self.manners = manners or Manners()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
                del format, args

            def do_GET(self) -> None:
                outer.answer(self)

            def do_HEAD(self) -> None:
                outer.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def source(self, path: str) -> str:
        return f"{self.url}{path}#sha256={hashlib.sha256(self.files[path]).hexdigest()}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        manners = self.manners
        with self._lock:
            number = len(manners.seen)
            headers = request.headers
            manners.seen.append(Seen(request.path, headers.get("Range", ""), headers.get("Authorization", ""), headers.get("Host", "")))
        if manners.before is not None and manners.before(request, number):
            return
        data = self.files.get(request.path)
        if data is None:
            self.say(request, 404)
            return
        begin, end, status = 0, len(data), 200
        if manners.ranges and (asked := request.headers.get("Range", "")):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            begin, end, status = int(first), min(len(data), int(last) + 1 if last else len(data)), 206
        request.send_response(status)
        if status == 206:
            request.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data) + manners.lie_length}")
        request.send_header("Content-Length", str(end - begin + (manners.lie_length if status == 200 else 0)))
        request.end_headers()
        if request.command == "HEAD":
            return
        self._send(request, data[begin:end])

    def _send(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        manners = self.manners
        length = len(body) if manners.cut is None else min(len(body), manners.cut(len(body)))
        step = max(1, int(manners.bytes_per_s / 50)) if manners.bytes_per_s else 1 << 20
        try:
            for at in range(0, length, step):
                part = body[at : min(length, at + step)]
                request.wfile.write(part)
                with self._lock:
                    manners.sent_bytes += len(part)
                if manners.bytes_per_s:
                    time.sleep(len(part) / manners.bytes_per_s)
        except OSError:
            request.close_connection = True
        if length < len(body):
            request.close_connection = True

    @staticmethod
    def say(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
        """An answer without a body."""
        request.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def bad_server(files: dict[str, bytes], manners: Manners | None = None, certificate: Path | None = None) -> Iterator[BadServer]:
    server = BadServer(files, manners, certificate)
    try:
        yield server
    finally:
        server.close()


def gguf_like(size: int, seed: int = 1) -> bytes:
    """A header that is one, and noise."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    return head + random.Random(seed).randbytes(size - len(head))


def split_gguf(model: Path, folder: Path, tensors: int) -> list[Path]:
    """The parts of a model, each with so many tensors at most, as `llama-gguf-split` names them."""
    reader = gguf.GGUFReader(model)
    writer = gguf.GGUFWriter(folder / "part.gguf", "llama", split_max_tensors=tensors)
    for pair in reader.fields.values():
        if pair.name.startswith("GGUF.") or pair.name == "general.architecture":
            continue
        sub = pair.types[-1] if pair.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(pair.name, pair.contents(), pair.types[0], sub_type=sub)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob("part-*.gguf"))


HTPASSWD = "ann:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"  # "secret", by bcrypt
