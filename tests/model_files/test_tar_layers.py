"""Models in the file systems of container images, and mirrors of registries."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from echorator.agent.loading.embedded import embedded_model
from echorator.errors import EchoratorError, InvalidRequestError, ModelFileError, ResourceError
from echorator.host.exits import CommandError
from echorator.host.model_store import puller_of
from echorator.model_files.http import AbsentError, AnswerError
from echorator.model_files.puller import Progress, Puller, PullSettings
from echorator.model_files.registry import base_url
from echorator.model_files.store import Store
from tests.support.models.servers import Manners, RegistryServer, bad_server, gguf_like, tar_of

NANO = embedded_model().read_bytes()


def blobs(puller: Puller) -> list[str]:
    return sorted(path.name for path in (puller.store.folder / "blobs").iterdir())


@pytest.mark.parametrize(("kind", "mode"), [("tar+gzip", "w:gz"), ("tar", "w"), ("tar+zstd", "zst")])
def test_a_model_in_an_image(registry: RegistryServer, puller: Puller, kind: str, mode: str) -> None:
    base = tar_of({"etc/passwd": b"x", "models/old.gguf": gguf_like(5000)}, mode)
    top = tar_of({"models/.wh.old.gguf": b"", "models/nano.gguf": NANO, "models/link.gguf>": b"/etc/passwd"}, mode)
    source = f"oci://{registry.host}/img/nano:{kind.replace('+', '-')}"
    registry.image("img/nano", kind.replace("+", "-"), [base, top], kind)
    stages: list[str] = []
    image = puller.pull(source, lambda progress: stages.append(progress.stage))
    assert image.path.read_bytes() == NANO
    assert [stages[0], *stages[-2:]] == ["resolving", "unpacking", "ready"]
    used = {layer.digest.replace(":", "-") for stored in puller.store.all() for layer in stored.manifest.layers}
    assert used <= set(blobs(puller))
    for path, _ in puller.store.unused():  # what the image had and a later layer removed
        path.unlink()
    assert blobs(puller) == sorted(used)
    again: list[str] = []
    assert puller.pull(source, lambda progress: again.append(progress.stage)) == image
    assert again == ["resolving", "ready"], "nothing is pulled that is there"
    assert puller.find(source) == image


def test_an_image_that_moves_is_unpacked_again(registry: RegistryServer, puller: Puller) -> None:
    registry.image("img/moves", "v1", [tar_of({"m.gguf": gguf_like(4000, 1)})])
    source = f"oci://{registry.host}/img/moves:v1"
    assert puller.pull(source).path.read_bytes() == gguf_like(4000, 1)
    registry.image("img/moves", "v1", [tar_of({"m.gguf": gguf_like(4000, 2)})])
    assert puller.pull(source).path.read_bytes() == gguf_like(4000, 2)


def test_pulls_of_an_image_at_once_share_it(registry: RegistryServer, puller: Puller) -> None:
    registry.image("img/shared", "v1", [tar_of({"m.gguf": gguf_like(3_000_000)}, "w")], "tar")
    source = f"oci://{registry.host}/img/shared:v1"
    images, errors = [], []

    def pull() -> None:
        try:
            images.append(Puller(Store(puller.store.folder)).pull(source))
        except EchoratorError as error:
            errors.append(error)

    threads = [threading.Thread(target=pull) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(images) == 8
    assert len(blobs(puller)) == 1


def test_images_with_a_layer_in_common_at_once(registry: RegistryServer, puller: Puller) -> None:
    """Whoever is done first takes the layer away, here just before the other one reads it."""
    base, models = tar_of({"data": bytes(1000)}, "w"), [gguf_like(2000, seed) for seed in range(2)]
    for i, model in enumerate(models):
        registry.image("img/common", f"v{i}", [base, tar_of({"m.gguf": model}, "w")], "tar")
    first, second = (f"oci://{registry.host}/img/common:v{i}" for i in range(2))
    stages: list[str] = []

    def overtaken(progress: Progress) -> None:
        if progress.stage == "unpacking" and "unpacking" not in stages:
            assert Puller(Store(puller.store.folder)).pull(second).path.read_bytes() == models[1]
        stages.append(progress.stage)

    assert puller.pull(first, overtaken).path.read_bytes() == models[0]
    assert stages.count("unpacking") == 2


@pytest.mark.parametrize(
    ("layer", "kind", "error", "said"),
    [
        (tar_of({"readme.txt": b"x"}), "tar+gzip", AnswerError, "neither as a layer nor in the file system"),
        (b"no archive at all" * 100, "tar+gzip", AnswerError, "no tar archive that can be read"),
        (tar_of({"m.gguf": gguf_like(100_000)})[:30_000], "tar+gzip", AnswerError, "no tar archive that can be read"),
        (tar_of({"m.gguf": gguf_like(100_000)}, "w")[:30_000], "tar", AnswerError, "no tar archive that can be read"),
        (tar_of({"m.gguf": gguf_like(100_000)}, "zst")[:30_000], "tar+zstd", AnswerError, "no tar archive that can be read"),
        (b"\x28\xb5\x2f\xfd and no more", "tar+zstd", AnswerError, "no tar archive that can be read"),
        (tar_of({"a.gguf": gguf_like(100, 1), "b.gguf": gguf_like(100, 2)}), "tar", InvalidRequestError, "a.gguf, b.gguf; name a source"),
        (tar_of({"m.gguf": b"<html>" * 100}), "tar+gzip", ModelFileError, "GGUF"),
        (tar_of({"m.gguf": gguf_like(100).replace(b"llama", b"lemma")}), "tar+gzip", ModelFileError, "architecture 'lemma'"),
    ],
    ids=["no model", "no archive", "cut gzip", "cut tar", "cut zstd", "no zstd", "two models", "a page", "unknown architecture"],
)
def test_images_without_a_model(
    registry: RegistryServer, puller: Puller, layer: bytes, kind: str, error: type[EchoratorError], said: str
) -> None:
    registry.image("img/bad", "v1", [layer], kind)
    with pytest.raises(error, match=said):
        puller.pull(f"oci://{registry.host}/img/bad:v1")
    assert not any("unpacking" in name or "lock" in name for name in blobs(puller))
    assert list(puller.store.all()) == []


def test_an_image_too_large_for_this_machine(registry: RegistryServer, tmp_path: Path) -> None:
    registry.image("img/large", "v1", [tar_of({"m.gguf": gguf_like(3 << 20)})])
    small = Puller(Store(tmp_path / "models"), settings=PullSettings([tmp_path / "docker.json"], memory_bytes=1 << 20))
    with pytest.raises(ResourceError, match="3 MiB of weights, at most 1 MiB"):
        small.pull(f"oci://{registry.host}/img/large:v1")


# Mirrors


def test_mirrors_are_asked_first(registry: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.ollama("cache/library/phi", NANO)
    with bad_server({}, Manners()) as empty:
        broken = empty.url.removeprefix("http://")
        monkeypatch.setenv("ECHORATOR_MIRRORS", f"registry.ollama.ai={broken}, registry.ollama.ai={registry.host}/cache")
        puller = puller_of(tmp_path / "models")
        image = puller.pull("phi")
        assert image.path.read_bytes() == NANO
        assert image.source == "phi:latest"
        assert empty.manners.seen[0].path == "/v2/library/phi/manifests/latest"
        registry.ollama("only/here", NANO)
        monkeypatch.setenv("ECHORATOR_MIRRORS", f"{registry.host}={broken}")
        assert puller_of(tmp_path / "other").pull(f"{registry.host}/only/here").path.read_bytes() == NANO
        with pytest.raises(AbsentError, match=registry.host):
            puller_of(tmp_path / "other").pull(f"{registry.host}/nowhere")


@pytest.mark.parametrize("text", ["registry.ollama.ai", "=x", "a=", "a=https://b"])
def test_mirrors_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ECHORATOR_MIRRORS", text)
    with pytest.raises(CommandError, match="is not HOST=MIRROR, as in registry"):
        puller_of(tmp_path)


def test_dockers_hub_has_its_api_elsewhere() -> None:
    assert base_url("docker.io", "ai/phi") == "https://registry-1.docker.io/v2/ai/phi"
    assert base_url("docker.io", "phi") == "https://registry-1.docker.io/v2/library/phi"
    assert base_url("localhost:5000", "phi") == "http://localhost:5000/v2/phi"
