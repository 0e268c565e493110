"""Whatever a file, a registry or a configuration says, its parser gives a value or an error of its own, in words."""

from __future__ import annotations

import http.server
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.hostile.documents import json_text, tar_archive
from bench.hostile.files import gguf
from echorator.agent.loading.embedded import embedded_model
from echorator.agent.loading.model_defaults import defaults_of
from echorator.errors import EchoratorError, ModelFileError
from echorator.model_files import gguf_header
from echorator.model_files.docker_credentials import DockerCredentials
from echorator.model_files.first_look import first_look
from echorator.model_files.http import AnswerError, Http, Target, redirected, retry_after_s, shown
from echorator.model_files.hub import HubClient, HubSettings
from echorator.model_files.json_text import parsed, whole_number
from echorator.model_files.puller import Image, Puller
from echorator.model_files.reference import Hub, Registry, SourceError, parse
from echorator.model_files.registry import RegistryClient
from echorator.model_files.store import Layer, Store, StoreError, manifest_of, sha256_of
from echorator.model_files.tar_layers import unpacked
from tests.support.rounds import rounds

NANO = embedded_model().read_bytes()
TAR = "application/vnd.oci.image.layer.v1.tar+gzip"
MANY = settings(max_examples=rounds(500))
SOME = settings(max_examples=rounds(100))
SEEDS = st.integers(0, 1 << 40)


def told(work: Callable[[], object], *kinds: type[Exception]) -> str:
    """Why it was refused; "" where there is a value. Any other exception fails the test."""
    try:
        work()
    except kinds as error:
        return str(error)
    return ""


def look_at(data: bytes) -> None:
    def read(view: memoryview, offset: int) -> int:
        part = data[offset : offset + len(view)]
        view[: len(part)] = part
        return len(part)

    check, wanted = first_look("x", len(data)), 1
    while wanted:
        wanted = check(read, min(wanted, len(data)))


@MANY
@given(SEEDS)
def test_gguf_headers(seed: int) -> None:
    data = gguf(seed, NANO[: 60 << 10])
    said = told(lambda: gguf_header.parse(data), gguf_header.NeedMore, ModelFileError)
    assert not said or said.isdigit() or "damaged" in said or "GGUF" in said


@SOME
@given(SEEDS)
def test_first_looks(seed: int) -> None:
    assert told(lambda: look_at(gguf(seed, NANO)), ModelFileError).startswith(("x", ""))


@MANY
@given(st.binary(max_size=300))
def test_any_bytes_as_a_header(data: bytes) -> None:
    for given_bytes in (data, b"GGUF\3\0\0\0" + data):
        told(lambda of=given_bytes: gguf_header.parse(of), gguf_header.NeedMore, ModelFileError)  # type: ignore[misc]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1.5", "-1"])
def test_a_part_that_is_no_number(value: str) -> None:
    key = b"split.no"
    pair = struct.pack("<Q", len(key)) + key + struct.pack("<If", 6, float(value))
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair
    with pytest.raises(ModelFileError, match=rf"x: its split.no is {value}.*, which is no whole number; the file is damaged"):
        look_at(data)


def test_what_a_body_begins_with_is_nobodys_business() -> None:
    with pytest.raises(ModelFileError) as refusal:
        look_at(b"SECRET-KEY=5000 and on")
    assert "SECRET" not in str(refusal.value)


def unpack(folder: Path, data: bytes) -> list[Layer]:
    store = Store(folder)
    store.prepare()
    (folder / "layer").write_bytes(data)
    digest = sha256_of(folder / "layer")
    (folder / "layer").rename(store.blob(digest))
    return unpacked(store, [Layer(TAR, digest, len(data))], "x")


@SOME
@given(SEEDS)
def test_tar_layers(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    told(lambda: unpack(tmp_path_factory.mktemp("store"), tar_archive(seed)), AnswerError, ModelFileError)


@SOME
@given(st.binary(max_size=2000))
def test_any_bytes_as_a_layer(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with pytest.raises((AnswerError, ModelFileError)):
        unpack(tmp_path_factory.mktemp("store"), data)


def test_headers_that_tarfile_would_read_whole(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("m.gguf")
        member.pax_headers = {"comment": "x" * (8 << 20)}
        tar.addfile(member)
    with pytest.raises(AnswerError, match=r"is no tar archive that can be read \(ReadError\)"):
        unpack(tmp_path, out.getvalue())


@MANY
@given(st.one_of(SEEDS.map(json_text), st.binary(max_size=200)))
def test_json(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    assert len(told(lambda: parsed(text), ValueError)) < 200
    assert len(told(lambda: manifest_of(text, "x"), StoreError)) < 300
    config = tmp_path_factory.getbasetemp() / "config.json"
    config.write_bytes(text)
    assert len(told(lambda: DockerCredentials([config]).of("registry.example.com", "team/x"), AnswerError)) < 400
    said = told(lambda: defaults_of(Image("x", Path(), params=text.decode("utf-8", "replace"))), EchoratorError)
    assert not said or said.startswith("x: its parameters")


def test_sizes_that_cannot_be() -> None:
    for size in ("Infinity", "-1", "1e400", "9" * 30, '"x"', "null"):
        layer = f'{{"layers": [{{"mediaType": "x", "digest": "sha256:{"a" * 64}", "size": {size}}}]}}'
        assert "x: " in told(lambda of=layer: manifest_of(of.encode(), "x"), StoreError)  # type: ignore[misc]


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b""
    kind = "application/vnd.oci.image.manifest.v1+json"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def answering() -> Iterator[Callable[[bytes, str], str]]:
    class Answers(_Answers):
        pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()

    def answer(body: bytes, kind: str) -> str:
        Answers.body, Answers.kind = body, kind
        return f"127.0.0.1:{server.server_port}"

    yield answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_answers_of_registries_and_hubs(answering: Callable[[bytes, str], str]) -> None:
    client = Http()
    for seed in range(120):
        text = json_text(seed)
        for kind in ("application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"):
            host = answering(text, kind)
            with pytest.raises(EchoratorError):
                RegistryClient(Registry(host, "a/b", "sha256:" + "0" * 64, True), client, DockerCredentials([])).manifest()
        with pytest.raises(EchoratorError):
            HubClient(Hub("a/b"), client, HubSettings(f"http://{host}")).manifest()


# URLs


@MANY
@given(st.text(max_size=60), st.sampled_from(("http://h.example.com/x", "https://u:pw@h.example.com/x?sig=s", "http://127.0.0.1:5/x")))
def test_redirects_of_any_kind(location: str, url: str) -> None:
    targets: list[Target] = []
    said = told(lambda: targets.append(redirected(Target(url, {"Authorization": "x"}), location)), AnswerError)
    assert "pw" not in said
    assert bool(said) is not bool(targets)
    assert all(urlsplit(target.url).scheme in ("http", "https") for target in targets)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:50051/",
        "http://localhost/x",
        "http://a.localhost./x",
        "http://[::1]:80/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1%25eth0]/",
        "http://0.0.0.0:22/",
        "http://2130706433/",
        "http://0x7f.1/",
        "//127.1/x",
    ],
)
def test_nobody_else_sends_a_pull_to_this_machine(location: str) -> None:
    with pytest.raises(AnswerError, match="redirects to an address of this machine itself; that is not followed"):
        redirected(Target("http://models.example.com/x", {}), location)
    assert redirected(Target("http://127.0.0.1:1/x", {}), location).url


def test_redirects_that_are_followed() -> None:
    for location in ("/y", "http://other.example.com:9000/y", "https://10.0.0.5/y", "http://[2001:db8::1]/y"):
        assert redirected(Target("http://models.example.com/x", {}), location).url


def test_no_password_is_told() -> None:
    url = "https://ann:pw1234@models.example.com:444/a/b.gguf?X-Signature=s3cret"
    assert shown(url) == "https://models.example.com:444/a/b.gguf"
    digest = "#sha256=" + "a" * 64
    assert "pw1234" not in str(parse(url + digest))
    for wrong in (url, url + "#sha256=zz", "https://ann:pw1234@[::1/x" + digest, "https://ann:pw1234@/x" + digest):
        with pytest.raises(SourceError) as refusal:
            parse(wrong)
        assert "pw1234" not in str(refusal.value)
    with pytest.raises(EchoratorError) as failed:
        Http(read_s=1.0).open(Target("http://ann:pw1234@127.0.0.1:1/x.gguf", {}))
    assert "pw1234" not in str(failed.value)
    assert "127.0.0.1:1" in str(failed.value)


@given(st.text(max_size=40))
def test_retry_after_and_sizes(text: str) -> None:
    wait = retry_after_s({"Retry-After": text}, 0.0)
    assert wait is None or 0.0 <= wait <= 300.0
    number = whole_number(text)
    assert number is None or str(number) == (text.lstrip("0") or "0")


def test_files_of_this_machine_that_are_none(puller: Puller, tmp_path: Path) -> None:
    for name in ("x" * 300 + ".gguf", "/" + "y/" * 2000 + "x.gguf", str(tmp_path / "absent.gguf"), "/dev/null/x.gguf"):
        with pytest.raises(ModelFileError):
            puller.pull(name)
    many = tmp_path / "many"
    for i in range(1001):
        (many / str(i)).mkdir(parents=True)
    with pytest.raises(ModelFileError, match="has more than 1000 folders below it; name the model's file"):
        puller.pull(str(many))
