"""Pulls from a real registry, and from servers that misbehave: every one ends right, or with one clear error and nothing half there.

Over 400 lines, for one list of all that can go wrong with a pull is easier to complete than several.
"""

from __future__ import annotations

import base64
import email.utils
import json
import random
import resource as limits
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from echorator.agent.loading.embedded import embedded_model
from echorator.errors import EchoratorError, ModelFileError, ResourceError
from echorator.model_files.http import AbsentError, AnswerError, DeniedError, NetworkError, Target, redirected, retry_after_s
from echorator.model_files.partial import CHUNK_BYTES
from echorator.model_files.puller import Progress, Puller, PullSettings
from echorator.model_files.store import NotPulledError, Store, StoreError
from echorator.model_files.transfer import DigestError
from tests.support.models.lora_files import write_lora
from tests.support.models.servers import (
    HTPASSWD,
    OCI_INDEX,
    BadServer,
    Manners,
    RegistryServer,
    bad_server,
    digest_of,
    gguf_like,
    registry_server,
)
from tests.support.rounds import rounds
from tests.support.waiting import looks

NANO = embedded_model().read_bytes()


def files(puller: Puller) -> list[str]:
    return sorted(str(path.relative_to(puller.store.folder)) for path in puller.store.folder.rglob("*") if path.is_file())


def clean(puller: Puller) -> bool:
    """No half of anything."""
    return not any(".partial" in name or ".lock" in name or ".new-" in name for name in files(puller))


# A real registry


def test_a_model_of_ollamas_protocol(registry: RegistryServer, puller: Puller) -> None:
    registry.ollama("library/nano", NANO, template=b"{{ .Prompt }}", system=b"You are Echo.", params=b'{"temperature": 0}')
    seen: list[Progress] = []
    image = puller.pull(f"{registry.host}/library/nano", seen.append)
    assert image.path.read_bytes() == NANO
    assert (image.template, image.system, image.params) == ("{{ .Prompt }}", "You are Echo.", '{"temperature": 0}')
    assert [p.stage for p in seen if p.stage != "pulling"] == ["resolving", "ready"]
    assert seen[-1].done_bytes == seen[-1].total_bytes == image.size_bytes
    assert clean(puller)
    assert puller.find(f"{registry.host}/library/nano") == image
    assert (puller.store.folder / "manifests" / registry.host / "library" / "nano" / "latest").is_file(), "where Ollama has it"


def test_a_tag_that_moves_is_seen_by_the_next_pull_and_a_digest_never_moves(registry: RegistryServer, puller: Puller) -> None:
    first = registry.ollama("moving/nano", NANO)
    source = f"{registry.host}/moving/nano"
    assert puller.pull(source).path.read_bytes() == NANO
    other = gguf_like(5000)
    registry.ollama("moving/nano", other)
    assert puller.have(source).path.read_bytes() == NANO, "what is there is good enough to be served"
    assert puller.pull(source).path.read_bytes() == other
    assert puller.pull(f"{source}@{first}").path.read_bytes() == NANO
    registry.process.send_signal(signal.SIGSTOP)
    try:
        assert puller.pull(f"{source}@{first}").path.read_bytes() == NANO, "without a question"
    finally:
        registry.process.send_signal(signal.SIGCONT)


def test_oci_artefacts_and_indexes(registry: RegistryServer, puller: Puller) -> None:
    gguf = {"mediaType": "application/octet-stream", **registry.blob("art/nano", NANO)}
    titled = {**gguf, "annotations": {"org.opencontainers.image.title": "nano.gguf"}}
    readme = {"mediaType": "text/plain", **registry.blob("art/nano", b"read me")}
    digest = registry.oci("art/nano", "v1", [readme, titled])
    for source in (f"oci://{registry.host}/art/nano:v1", f"oci://{registry.host}/art/nano@{digest}"):
        assert puller.pull(source).path.read_bytes() == NANO
    typed = {"mediaType": "application/vnd.docker.ai.gguf.v3", **registry.blob("art/nano", NANO)}
    registry.oci("art/nano", "typed", [typed])
    assert puller.pull(f"oci://{registry.host}/art/nano:typed").path.read_bytes() == NANO
    empty = registry.oci("art/nano", "empty", [readme])
    entries = [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": d, "size": 1} for d in (empty, digest)]
    registry.manifest("art/nano", "index", {"manifests": entries}, OCI_INDEX)
    assert puller.pull(f"oci://{registry.host}/art/nano:index").path.read_bytes() == NANO
    with pytest.raises(AnswerError, match="has no GGUF file; its layers are: text/plain"):
        puller.pull(f"oci://{registry.host}/art/nano:empty")
    with pytest.raises(AbsentError, match="look at the name, the tag and the spelling"):
        puller.pull(f"{registry.host}/art/absent")


def test_an_adapter_comes_with_its_model_or_alone(registry: RegistryServer, puller: Puller, tmp_path: Path) -> None:
    adapter = write_lora(tmp_path / "a.gguf", embedded_model()).read_bytes()
    registry.ollama("art/tuned", NANO, adapter=adapter)
    tuned = puller.pull(f"{registry.host}/art/tuned")
    assert [path.read_bytes() for path in tuned.adapters] == [adapter]
    assert tuned.path.read_bytes() == NANO
    registry.oci("art/adapter", "v1", [{"mediaType": "application/vnd.docker.ai.gguf.v3", **registry.blob("art/adapter", adapter)}])
    assert puller.pull(f"oci://{registry.host}/art/adapter:v1").path.read_bytes() == adapter
    registry.ollama("art/old", NANO, adapter=b"ggla, as adapters were before GGUF")
    with pytest.raises(ModelFileError, match="art/old"):
        puller.pull(f"{registry.host}/art/old")
    assert puller.find(f"{registry.host}/art/old") is None


@pytest.mark.needs("docker-registry")
def test_a_private_registry(tmp_path: Path, puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "htpasswd").write_text(f"{HTPASSWD}\n")
    with registry_server(tmp_path, f"auth: {{htpasswd: {{realm: r, path: {tmp_path}/htpasswd}}}}\n") as server:
        with pytest.raises(DeniedError, match=r"it wants credentials; `docker login`.*imagePullSecrets"):
            puller.pull(f"{server.host}/a/b")
        (tmp_path / "docker.json").write_text("{")
        with pytest.raises(AnswerError, match="it holds the credentials of registries"):
            puller.pull(f"{server.host}/a/b")
        server.ollama("a/b", NANO, auth=("ann", "secret"))
        login = base64.b64encode(b"ann:secret").decode()
        (tmp_path / "docker.json").write_text(json.dumps({"auths": {server.host: {"auth": login}}}))
        assert puller.pull(f"{server.host}/a/b").path.read_bytes() == NANO
        helper = tmp_path / "docker-credential-test"
        helper.write_text('#!/bin/sh\nread host; echo "{\\"Username\\": \\"ann\\", \\"Secret\\": \\"secret\\"}"\n')
        helper.chmod(0o755)
        (tmp_path / "docker.json").write_text(json.dumps({"credsStore": "test"}))
        other = Puller(Store(tmp_path / "other"), settings=PullSettings([tmp_path / "docker.json"]))
        with pytest.raises(AnswerError, match="names docker-credential-test, which is not installed"):
            other.pull(f"{server.host}/a/b")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert other.pull(f"{server.host}/a/b").path.read_bytes() == NANO


def test_a_registry_that_gives_out_tokens(puller: Puller) -> None:
    small = gguf_like(3000)
    digest = digest_of(small)
    body = {"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": len(small)}]}
    given: list[str] = []

    def guarded(request: BaseHTTPRequestHandler, _number: int) -> bool:
        if request.path.startswith("/token"):
            given.append(request.path)
            text = json.dumps({"token": f"t{len(given)}"}).encode()
            request.send_response(200)
            request.send_header("Content-Length", str(len(text)))
            request.end_headers()
            request.wfile.write(text)
            return True
        if given and request.headers.get("Authorization") == f"Bearer t{len(given)}":
            return False
        realm = f'Bearer realm="http://{request.headers["Host"]}/token",service="r",scope="repository:a/b:pull"'
        BadServer.say(request, 401, WWW_Authenticate=realm)
        return True

    files_ = {"/v2/a/b/manifests/latest": json.dumps(body).encode(), f"/v2/a/b/blobs/{digest}": small}
    with bad_server(files_, Manners(before=guarded)) as server:
        assert puller.pull(f"127.0.0.1:{server.port}/a/b").path.read_bytes() == small
    assert given == ["/token?service=r&scope=repository%3Aa%2Fb%3Apull"]


def test_a_token_that_is_never_good_enough(puller: Puller) -> None:
    def refuse(request: BaseHTTPRequestHandler, number: int) -> bool:
        if request.path.startswith("/token"):
            body = json.dumps({"token": f"t{number}"}).encode()
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        else:
            host = request.headers["Host"]
            BadServer.say(request, 401, WWW_Authenticate=f'Bearer realm="http://{host}/token"')
        return True

    with bad_server({}, Manners(before=refuse)) as server, pytest.raises(DeniedError, match="wants a token, 5 times in a row"):
        puller.pull(f"{server.url.removeprefix('http://')}/a/b")


def test_offline_and_unreachable(registry: RegistryServer, puller: Puller, tmp_path: Path) -> None:
    registry.ollama("library/off", NANO)
    source = f"{registry.host}/library/off"
    offline = Puller(puller.store, settings=PullSettings([tmp_path / "docker.json"], offline=True))
    with pytest.raises(NotPulledError, match="this machine is offline"):
        offline.pull(source)
    puller.pull(source)
    assert offline.pull(source).path.read_bytes() == NANO
    with pytest.raises(NetworkError, match="cannot be reached"):
        puller.pull("127.0.0.1:1/library/off")
    with pytest.raises(NetworkError, match=r"there is no host nowhere\.invalid"):
        puller.pull("nowhere.invalid/library/off")


def test_another_store_is_read_in_place(registry: RegistryServer, puller: Puller, tmp_path: Path) -> None:
    registry.ollama("library/both", NANO)
    source = f"{registry.host}/library/both"
    puller.pull(source)
    other = Puller(Store(tmp_path / "own"), [puller.store], PullSettings([tmp_path / "docker.json"]))
    image = other.find(source)
    assert image is not None
    assert image.path.is_relative_to(puller.store.folder)


# Servers that misbehave

SIZE = 2 * CHUNK_BYTES + 12345


@pytest.fixture(scope="module")
def large() -> bytes:
    return gguf_like(SIZE)


def test_connections_that_break_at_random(large: bytes, puller: Puller) -> None:
    rng = random.Random()
    fruitless: set[int] = set()

    def cut(length: int) -> int:
        """Any number of bytes; none at all only once for what lacks: a pull gives up after eight such answers in a row."""
        count = rng.randrange(length + 1)
        if count == 0 and length in fruitless:
            return 1
        fruitless.add(length if count == 0 else -1)
        return count

    with bad_server({"/m.gguf": large}, Manners(cut=cut)) as server:
        assert puller.pull(server.source("/m.gguf")).path.read_bytes() == large
        assert server.manners.sent_bytes <= len(large) + 1, "no byte twice"
    assert clean(puller)


def test_a_server_without_range(large: bytes, puller: Puller) -> None:
    with bad_server({"/m.gguf": large}, Manners(ranges=False)) as server:
        assert puller.pull(server.source("/m.gguf")).path.read_bytes() == large


def test_too_many_requests_and_servers_that_are_busy(puller: Puller) -> None:
    small = gguf_like(3000)
    answers = [(503, {}), (429, {"Retry_After": "0"}), (500, {}), (429, {"Retry_After": email.utils.formatdate(time.time() - 5)})]

    def busy(request: BaseHTTPRequestHandler, number: int) -> bool:
        if number >= len(answers):
            return False
        status, headers = answers[number]
        BadServer.say(request, status, **headers)
        return True

    with bad_server({"/m.gguf": small}, Manners(before=busy)) as server:
        assert puller.pull(server.source("/m.gguf")).path.read_bytes() == small
        assert len(server.manners.seen) == len(answers) + 2


def test_a_server_that_never_gets_better(large: bytes, puller: Puller) -> None:
    with bad_server({"/m.gguf": large}) as server:
        source = server.source("/m.gguf")
        server.manners.cut = lambda length: min(length, 1000)

        def stuck(request: BaseHTTPRequestHandler, number: int) -> bool:
            if number < 40:
                return False
            BadServer.say(request, 503)
            return True

        server.manners.before = stuck
        with pytest.raises(NetworkError, match=r"8 times in a row; 0 of 32 MiB are kept: pull again to go on"):
            puller.pull(source)
        server.manners.cut = server.manners.before = None
        server.manners.sent_bytes = 0
        assert puller.pull(source).path.read_bytes() == large
        assert server.manners.sent_bytes < len(large), "what was there was not pulled again"
    assert clean(puller)


def test_a_token_does_not_follow_to_another_host() -> None:
    there = Target("https://a.org/x", {"Authorization": "Bearer t", "Range": "bytes=0-1"})
    assert redirected(there, "/y").headers["Authorization"] == "Bearer t"
    for location in ("https://b.org/y", "https://a.org:444/y", "//b.org/y"):
        moved = redirected(there, location)
        assert "Authorization" not in moved.headers
        assert moved.headers["Range"] == "bytes=0-1"
    with pytest.raises(AnswerError, match="redirects from https to http"):
        redirected(there, "http://a.org/y")
    with pytest.raises(AnswerError, match="which is not HTTP"):
        redirected(there, "file:///etc/passwd")


def test_redirects_are_followed_but_not_for_ever(puller: Puller) -> None:
    small = gguf_like(3000)
    with bad_server({"/m.gguf": small}) as there:

        def away(request: BaseHTTPRequestHandler, _number: int) -> bool:
            BadServer.say(request, 302, Location=f"{there.url}/m.gguf" if request.path == "/m.gguf" else request.path)
            return True

        with bad_server({"/m.gguf": small, "/loop": small}, Manners(before=away)) as here:
            assert puller.pull(here.source("/m.gguf")).path.read_bytes() == small
            with pytest.raises(AnswerError, match="more than 10 redirects"):
                puller.pull(here.source("/loop"))


def test_other_bytes_than_were_asked_for(large: bytes, puller: Puller) -> None:
    with bad_server({"/m.gguf": large}) as server:
        source = server.source("/m.gguf")
        server.files["/m.gguf"] = large[:-1] + b"?"
        with pytest.raises(DigestError, match="it is damaged; nothing of it was kept"):
            puller.pull(source)
        assert files(puller) == []
        server.files["/m.gguf"] = large
        assert puller.pull(source).path.read_bytes() == large


@pytest.mark.parametrize("lie", [-5, 5])
def test_another_length_than_was_said(puller: Puller, lie: int) -> None:
    small = gguf_like(3000)
    digest = digest_of(small)
    with bad_server({f"/v2/a/b/blobs/{digest}": small}) as server:
        manifest = f'{{"layers": [{{"mediaType": "application/vnd.ollama.image.model", "digest": "{digest}", "size": {3000 + lie}}}]}}'
        server.files["/v2/a/b/manifests/latest"] = manifest.encode()
        with pytest.raises(AnswerError, match=f"has 3000 bytes, not {3000 + lie}"):
            puller.pull(f"127.0.0.1:{server.port}/a/b")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"<html>", "not a manifest"),
        (b"[]", "not a manifest"),
        (b'{"layers": [{"mediaType": "m", "digest": "sha256:../../x", "size": 1}]}', "which cannot be"),
        (b'{"layers": [{"mediaType": "m", "digest": "md5:00", "size": 1}]}', "which cannot be"),
        (b'{"layers": [{"mediaType": "m", "size": 1}]}', "not a manifest"),
        (b'{"layers": []}', "has no GGUF file; its layers are: none"),
        (b'{"layers": "' + b"x" * (5 << 20) + b'"}', "more than 4 MiB are no manifest"),
    ],
)
def test_manifests_that_are_none(puller: Puller, manifest: bytes, said: str) -> None:
    with bad_server({"/v2/a/b/manifests/latest": manifest}) as server, pytest.raises((StoreError, AnswerError), match=said):
        puller.pull(f"127.0.0.1:{server.port}/a/b")
    assert files(puller) == []


def test_what_is_no_model_is_refused_from_its_first_bytes(large: bytes, puller: Puller) -> None:
    page = b"<!DOCTYPE html>" + bytes(3 * CHUNK_BYTES)
    strange = large.replace(b"llama", b"lammb", 1)
    with bad_server({"/page": page, "/strange": strange}) as server:
        with pytest.raises(ModelFileError, match=r"is of the architecture 'lammb', which the installed llama\.cpp does not know"):
            puller.pull(server.source("/strange"))
        assert files(puller) == []
        with pytest.raises(ModelFileError, match="it is no GGUF file"):
            puller.pull(server.source("/page"))
        small = Puller(puller.store, settings=PullSettings(memory_bytes=1 << 20))
        with pytest.raises(ResourceError, match=r"has 48 MiB of weights, at most 1 MiB of memory may be used here"):
            small.pull(server.source("/page"))


def test_a_disk_that_is_full(large: bytes, puller: Puller) -> None:
    with bad_server({"/m.gguf": large}) as server:
        before = limits.getrlimit(limits.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits.setrlimit(limits.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(ResourceError, match="free some space, or use another --models folder"):
                puller.pull(server.source("/m.gguf"))
        finally:
            limits.setrlimit(limits.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert puller.pull(server.source("/m.gguf")).path.read_bytes() == large


FULL_DISK = """
import sys
from contextlib import suppress
from pathlib import Path
from echorator.model_files.puller import Puller
from echorator.model_files.store import Store

folder, source, greedy = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True"

def fill(progress):
    if greedy and progress.stage == "pulling":
        with suppress(OSError), (folder / "other").open("ab", buffering=0) as other:
            while other.write(bytes(1 << 12)):
                pass

try:
    Puller(Store(folder)).pull(source, fill)
except Exception as error:
    print(type(error).__name__, error)
print(sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix not in (".partial", ".map")))
"""


@pytest.mark.needs("user namespaces")
@pytest.mark.parametrize(("mib", "filled"), [(3, False), (8, True)])
def test_a_file_system_that_is_full(tmp_path: Path, mib: int, filled: bool) -> None:
    """A small tmpfs: either the model is too large from the beginning, or something else takes the space meanwhile."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    with bad_server({"/m.gguf": gguf_like(4 << 20)}, Manners(bytes_per_s=4 << 20)) as server:
        inside = f'mount -t tmpfs -o size={mib}m none {mounted} && exec "$@"'
        python = (sys.executable, "-P", "-c", FULL_DISK, str(mounted), server.source("/m.gguf"), str(filled))
        done = subprocess.run(
            ("unshare", "-rm", "sh", "-c", inside, "sh", *python), capture_output=True, text=True, timeout=60, check=False
        )
    said, left = done.stdout.splitlines()
    assert said.startswith("ResourceError")
    assert ("No space left on device" if filled else "4 MiB are to be pulled") in said
    assert "free some space, or use another --models folder" in said
    assert left == ("['other']" if filled else "[]")


def test_links_and_folders_where_blobs_should_be(puller: Puller, tmp_path: Path) -> None:
    small = gguf_like(3000)
    with bad_server({"/m.gguf": small}) as server:
        puller.store.prepare()
        blob = puller.store.blob(digest_of(small))
        (tmp_path / "elsewhere").write_bytes(small)
        blob.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="is no file of its own; remove it"):
            puller.pull(server.source("/m.gguf"))
        blob.unlink()
        puller.store.partial(digest_of(small)).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(EchoratorError):
            puller.pull(server.source("/m.gguf"))
        assert (tmp_path / "elsewhere").read_bytes() == small
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError):
        Puller(Store(tmp_path / "file")).pull(server.source("/m.gguf"))


def test_a_certificate_that_has_expired(puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = Path(__file__).parent / "data" / "expired.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    expired = r"certificate has expired.*REQUESTS_CA_BUNDLE"
    with bad_server({"/m.gguf": gguf_like(3000)}, certificate=pem) as server, pytest.raises(NetworkError, match=expired):
        puller.pull(server.source("/m.gguf"))
    assert files(puller) == []


def test_a_folder_that_may_not_be_written() -> None:
    with bad_server({"/m.gguf": gguf_like(3000)}) as server, pytest.raises(ResourceError, match=r"another --models folder|/sys"):
        Puller(Store(Path("/sys/echorator"))).pull(server.source("/m.gguf"))


def test_retry_after() -> None:
    assert retry_after_s({"Retry-After": "7"}, 0.0) == 7.0
    assert retry_after_s({"Retry-After": "999999"}, 0.0) == 300.0
    assert retry_after_s({"Retry-After": email.utils.formatdate(100.0)}, 90.0) == 10.0
    assert retry_after_s({"Retry-After": "soon"}, 0.0) is None
    assert retry_after_s({}, 0.0) is None


# Many at once, and ends that nobody asked for

PULL = """
import sys
from pathlib import Path
from echorator.model_files.puller import Puller
from echorator.model_files.store import Store
print(Puller(Store(Path(sys.argv[1]))).pull(sys.argv[2]).path)
"""


def test_twenty_pulls_at_once_move_the_bytes_once(large: bytes, puller: Puller) -> None:
    with bad_server({"/m.gguf": large}, Manners(bytes_per_s=40e6)) as server:
        command = (sys.executable, "-c", PULL, str(puller.store.folder), server.source("/m.gguf"))
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(10)]
        results: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: results.append(puller.pull(server.source("/m.gguf")).path.read_bytes())) for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        said = {process.communicate(timeout=60)[0] for process in processes}
        assert said == {f"{puller.store.blob(digest_of(large))}\n"}
        assert results == [large] * 10
        assert server.manners.sent_bytes <= len(large) + 40
    assert clean(puller)


@pytest.mark.slow
def test_a_hundred_kills_and_the_next_pull_goes_on(large: bytes, puller: Puller) -> None:
    rng = random.Random(11)
    with bad_server({"/m.gguf": large}, Manners(bytes_per_s=1.5e6)) as server:
        command = (sys.executable, "-c", PULL, str(puller.store.folder), server.source("/m.gguf"))
        kills = 0
        while kills < rounds(100):
            begun = server.manners.sent_bytes
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            for _ in looks(30.0):
                if server.manners.sent_bytes > begun or process.poll() is not None:
                    break
                time.sleep(0.01)
            time.sleep(rng.random() * 0.1)
            process.kill()
            kills += process.wait() == -signal.SIGKILL
            if puller.find(server.source("/m.gguf")) is not None:
                break
        assert kills > 20
        kept = sum(1 for name in files(puller) if name.endswith(".partial"))
        server.manners.bytes_per_s = 0.0
        before = server.manners.sent_bytes
        assert puller.pull(server.source("/m.gguf")).path.read_bytes() == large
        if kept:
            assert server.manners.sent_bytes - before < len(large), "it went on"
    assert clean(puller)
