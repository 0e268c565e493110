"""A file that vetting accepts is safe to load and to generate with; every other one is refused with a reason."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echorator.errors import ModelFileError
from echorator.model_files import vetting
from echorator.settings import EngineSettings, Lora
from tests.support.models.lora_files import write_lora
from tests.support.models.random_gguf import Shape, write
from tests.support.rounds import rounds

ECHO_NANO = Path(__file__).parents[2] / "echorator" / "data" / "echo-nano.q8_0.gguf"
MUTATIONS = rounds(100)  # of each file

# What a server does with a file that it was told is good.
SERVE = """
import select, sys
from pathlib import Path
from echorator._native.engine import Embedder, Engine, Model
from echorator.settings import EngineSettings, Lora, Sampling
settings = EngineSettings(Path(sys.argv[1]), slots=4, threads=2, lora=tuple(Lora(Path(name)) for name in sys.argv[2:]))
model = Model(settings)
prompts = [model.tokenize(text, True, True) or [0] for text in ("hello", "naive cafe", "x" * 50)]
Embedder(model, settings, "mean").embed(prompts[:1])
engine = Engine(model, settings)
left = {engine.submit(p[: engine.context_tokens - 1], Sampling(seed=1), max_tokens=4) for p in prompts}
while left:
    select.select([engine.event_fd], [], [], 1)
    left -= {e.request for e in engine.drain() if e.finish}
"""


def mutated(source: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    data = bytearray(source)
    # Mostly in the header, which is where a changed byte changes what llama.cpp does.
    header = len(source) if rng.random() < 0.1 else min(len(source), rng.choice([64, 2000, 40_000]))
    kind = rng.choice(["flip", "flips", "huge", "cut", "zeros", "text"])
    at = rng.randrange(4, header)
    if kind == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "flips":
        for _ in range(rng.randrange(2, 50)):
            data[rng.randrange(4, header)] = rng.randrange(256)
    elif kind == "huge":
        data[at : at + 8] = rng.choice([b"\xff" * 8, b"\xff\xff\xff\x7f\0\0\0\0", b"\0\0\0\0\1\0\0\0"])
    elif kind == "cut":
        del data[rng.randrange(len(data)) :]
    elif kind == "zeros":
        data[at : at + 16] = bytes(16)
    else:
        data[at : at + 6] = b"llama."
    return bytes(data)


def serve(*files: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", SERVE, *map(str, files)], capture_output=True, timeout=120, check=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("which", ["echo-nano", "random"])
def test_100_mutations_each(which: str, tmp_path: Path) -> None:
    source = ECHO_NANO if which == "echo-nano" else write(tmp_path / "random.gguf", Shape(dim=32, heads=2, kv_heads=1, ffn=64))
    original = source.read_bytes()

    def verdict(seed: int) -> str:
        path = tmp_path / f"{seed}.gguf"
        path.write_bytes(mutated(original, seed))
        try:
            vetting.vet(EngineSettings(path), timeout_s=60)
        except ModelFileError as e:
            return "refused" if str(path) in str(e) else f"unnamed: {e}"
        served = serve(path)
        # A refusal by an error is fine even now; a crash is what vetting is there to prevent.
        assert served.returncode in (0, 1), f"seed {seed}: accepted, and then {served.returncode}: {served.stderr[-2000:].decode()}"
        return "served" if served.returncode == 0 else "failed with an error"

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(verdict, range(MUTATIONS)))
    assert not [v for v in verdicts if v.startswith("unnamed")]
    assert verdicts.count("refused") > MUTATIONS / 5
    assert verdicts.count("served") > MUTATIONS / 20


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"PK\x03\x04 pytorch", "a zip or PyTorch archive"),
        (b'\x10\0\0\0\0\0\0\0{"a":1}', "a safetensors file"),
        (b"<!DOCTYPE html>", "a web page"),
        (b'{"schemaVersion": 2}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"plain text", "another kind of file"),
        (b"GGUF", "cannot load it"),
        (b"GGUF\x63\0\0\0" + bytes(100), "cannot load it"),
    ],
)
def test_what_it_says(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "file.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=says) as refusal:
        vetting.vet(EngineSettings(path))
    assert str(path) in str(refusal.value)


def test_a_folder_and_a_truncated_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="folder"):
        vetting.vet(EngineSettings(tmp_path))
    path = tmp_path / "short.gguf"
    path.write_bytes(ECHO_NANO.read_bytes()[:500_000])
    with pytest.raises(ModelFileError, match=r"cannot load it: .*bounds"):
        vetting.vet(EngineSettings(path))


def test_adapters_are_looked_at_with_their_model(tmp_path: Path) -> None:
    good = write_lora(tmp_path / "good.gguf", ECHO_NANO)
    vetting.vet(EngineSettings(ECHO_NANO, lora=(Lora(good),)))
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"\x80\x02 torch")
    with pytest.raises(ModelFileError, match=r"bad\.gguf is not a GGUF file but a pickle"):
        vetting.vet(EngineSettings(ECHO_NANO, lora=(Lora(good), Lora(bad))))
    with pytest.raises(ModelFileError, match=r"good\.gguf is a LoRA adapter, not a model"):
        vetting.vet(EngineSettings(good))


@pytest.mark.slow
def test_mutated_adapters(tmp_path: Path) -> None:
    whole = write_lora(tmp_path / "good.gguf", ECHO_NANO).read_bytes()

    def said(seed: int) -> str:
        path = tmp_path / f"{seed}.gguf"
        path.write_bytes(mutated(whole, seed))
        try:
            vetting.vet(EngineSettings(ECHO_NANO, lora=(Lora(path),)))
        except ModelFileError as error:
            return str(error)
        served = serve(ECHO_NANO, path)
        assert served.returncode in (0, 1), f"seed {seed}: accepted, and then {served.returncode}: {served.stderr[-2000:].decode()}"
        return ""

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(said, range(30)))
    assert 5 <= sum(bool(verdict) for verdict in verdicts) < 30
    assert all(f"{seed}.gguf" in verdict for seed, verdict in enumerate(verdicts) if verdict)


def test_a_context_length_that_cannot_be(tmp_path: Path) -> None:
    key = b"llama.context_length" + struct.pack("<I", 4)
    whole = ECHO_NANO.read_bytes()
    at = whole.index(key) + len(key)
    path = tmp_path / "endless.gguf"
    for length in ((1 << 32) - 1, 1 << 31):
        path.write_bytes(whole[:at] + struct.pack("<I", length) + whole[at + 4 :])
        with pytest.raises(ModelFileError, match=r"endless\.gguf: its context length is none that llama\.cpp can count to"):
            vetting.vet(EngineSettings(path))
    path.write_bytes(whole[:at] + struct.pack("<I", (1 << 31) - 1) + whole[at + 4 :])
    vetting.vet(EngineSettings(path))
    done = subprocess.run([sys.executable, "-c", SERVE, str(path)], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_verdict_holds_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(ECHO_NANO.read_bytes())
    vetting.vet(EngineSettings(path))
    vetting.vet(EngineSettings(path), timeout_s=0.001)  # too short for a child: the verdict is known
    path.write_bytes(b"GGUF" + bytes(200))
    with pytest.raises(ModelFileError):
        vetting.vet(EngineSettings(path))


def test_it_does_not_run_what_lies_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echorator").mkdir()
    (tmp_path / "echorator" / "__init__.py").write_text('raise ImportError("a clone, where nothing is built")\n')
    copy = tmp_path / "model.gguf"
    copy.write_bytes(ECHO_NANO.read_bytes())
    monkeypatch.chdir(tmp_path)
    vetting.vet(EngineSettings(copy))


def test_a_slow_check_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(ECHO_NANO.read_bytes())
    with pytest.raises(ModelFileError, match=r"not checked within 0\.001 s"):
        vetting.vet(EngineSettings(path), timeout_s=0.001)


NO_DESCRIPTOR_LEFT = """
import os, resource, sys
from pathlib import Path
from echorator.model_files.vetting import check_kind
from echorator.errors import ErrorClass, ResourceError, class_of
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
try:
    while True:
        os.open(path, os.O_RDONLY)
except OSError:
    pass
try:
    check_kind(path)
except ResourceError as error:
    assert class_of(error) is ErrorClass.RESOURCE
    print(error)
"""


def test_a_machine_without_a_free_file_descriptor_is_no_fault_of_the_file() -> None:
    command = (sys.executable, "-c", NO_DESCRIPTOR_LEFT, str(ECHO_NANO))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "this process has no file descriptor left; try again later" in done.stdout
