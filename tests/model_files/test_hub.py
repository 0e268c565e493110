"""Hugging Face's hub, played by a server: which files are meant, pinned to their commit, the token for the hub alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from echorator.model_files.http import AbsentError, AnswerError, DeniedError
from echorator.model_files.hub import HubFile, HubSettings, choose
from echorator.model_files.puller import Puller, PullSettings
from echorator.model_files.reference import Hub, SourceError, parse
from echorator.model_files.store import Store
from tests.support.models.hub import COMMIT, FakeHub, fake_hub
from tests.support.models.servers import bad_server, gguf_like


def puller_at(hub: FakeHub, folder: Path, token: str = "") -> Puller:
    assert hub.hub is not None
    return Puller(Store(folder / "models"), settings=PullSettings(hub=HubSettings(hub.hub.url, token)))


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("hf://org/repo", Hub("org/repo")),
        ("hf://org/repo/m.gguf", Hub("org/repo", "main", "m.gguf")),
        ("hf://org/repo@v1.0/sub/m.gguf", Hub("org/repo", "v1.0", "sub/m.gguf")),
        ("hf://org/repo:Q4_K_M", Hub("org/repo", "main", "", "Q4_K_M")),
        (f"hf://org/repo@{COMMIT}:q8_0", Hub("org/repo", COMMIT, "", "q8_0")),
    ],
)
def test_sources(source: str, meant: Hub) -> None:
    assert parse(source) == meant
    assert parse(str(meant)) == meant


@pytest.mark.parametrize("source", ["hf://org", "hf://org/repo/x.bin", "hf://org/repo/../x.gguf", "hf://org/repo@/x.gguf", "hf://../repo"])
def test_what_names_nothing(source: str) -> None:
    with pytest.raises(SourceError, match="is not hf://ORG/REPOSITORY"):
        parse(source)


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("https://huggingface.co/org/repo", Hub("org/repo")),
        ("https://huggingface.co/org/repo/", Hub("org/repo")),
        ("https://www.huggingface.co/org/repo/tree/main", Hub("org/repo")),
        ("https://huggingface.co/org/repo/blob/main/m.gguf", Hub("org/repo", "main", "m.gguf")),
        ("https://huggingface.co/org/repo/blob/v1.0/sub/m%2B1.gguf", Hub("org/repo", "v1.0", "sub/m+1.gguf")),
        ("https://huggingface.co/org/repo/resolve/main/m.gguf?download=true", Hub("org/repo", "main", "m.gguf")),
        ("https://huggingface.co/org/repo?show_file_info=m-Q8_0.gguf", Hub("org/repo", "main", "m-Q8_0.gguf")),
        ("https://huggingface.co/org/repo/tree/main?show_file_info=m.gguf", Hub("org/repo", "main", "m.gguf")),
        ("https://huggingface.co/org/repo/resolve/refs%2Fpr%2F1/m.gguf", Hub("org/repo", "refs/pr/1", "m.gguf")),
        ("http://hf.co/org/repo:Q4_K_M", Hub("org/repo", quantisation="Q4_K_M")),
        ("https://HF.co/org/repo", Hub("org/repo")),
    ],
)
def test_links_as_a_browser_has_them(source: str, meant: Hub) -> None:
    assert parse(source) == meant


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("https://huggingface.co/org", "is no page of a model"),
        ("https://huggingface.co/", "is no page of a model"),
        ("https://huggingface.co/datasets/org/repo", "is no page of a model"),
        ("https://huggingface.co/org/repo/discussions/3", "is no page of a model's files"),
        ("https://huggingface.co/org/repo/blob/main/README.md", "which is no .gguf file; write hf://org/repo/FILE.gguf"),
        ("https://huggingface.co/org/repo/blob/a b/m.gguf", "is no revision"),
        ("https://huggingface.co/../repo", "is not hf://ORG/REPOSITORY"),
    ],
)
def test_links_that_name_no_model(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        parse(source)


def test_of_several_quantisations_the_usual_one_is_taken() -> None:
    assert [file.name for file in choose(Hub("o/r"), MANY)] == ["m-Q4_K_M.gguf"]
    split = named("m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf", "m-Q8_0.gguf")
    assert [file.name for file in choose(Hub("o/r"), split)] == [file.name for file in split[:2]]


def named(*names: str) -> list[HubFile]:
    return [HubFile(name, 1, "sha256:" + "0" * 64) for name in names]


MANY = named(
    "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-m-f16.gguf", "README.md", "big/m-BF16-00001-of-00002.gguf", "big/m-BF16-00002-of-00002.gguf"
)


@pytest.mark.parametrize(
    ("reference", "chosen"),
    [
        (Hub("o/r", file="m-Q8_0.gguf"), ["m-Q8_0.gguf"]),
        (Hub("o/r", quantisation="q4_k_m"), ["m-Q4_K_M.gguf"]),
        (Hub("o/r", quantisation="BF16"), ["big/m-BF16-00001-of-00002.gguf", "big/m-BF16-00002-of-00002.gguf"]),
        (Hub("o/r", file="big/m-BF16-00001-of-00002.gguf"), ["big/m-BF16-00001-of-00002.gguf", "big/m-BF16-00002-of-00002.gguf"]),
    ],
)
def test_the_file_that_is_meant(reference: Hub, chosen: list[str]) -> None:
    assert [file.name for file in choose(reference, MANY)] == chosen


def test_the_only_file_needs_no_name() -> None:
    assert [file.name for file in choose(Hub("o/r"), named("x.gguf", "mmproj-x.gguf", "README.md"))] == ["x.gguf"]


@pytest.mark.parametrize(
    ("reference", "files", "said"),
    [
        (Hub("o/r"), named("m-Q5_0.gguf", "m-Q8_0.gguf"), "may be any of 2 files; say which"),
        (Hub("o/r"), named("a-Q4_K_M.gguf", "b-Q4_K_M.gguf"), "may be any of 2 files; say which"),
        (Hub("o/r", quantisation="Q5_0"), MANY, "there is no such file; its GGUF files are: m-Q4_K_M.gguf"),
        (Hub("o/r"), named("README.md"), "it has no GGUF file"),
        (
            Hub("o/r"),
            named("m-00002-of-00003.gguf"),
            "split into 3 files, of which m-00001-of-00003.gguf, m-00003-of-00003.gguf are not there",
        ),
    ],
)
def test_a_choice_that_cannot_be_made(reference: Hub, files: list[HubFile], said: str) -> None:
    with pytest.raises(AbsentError, match=said):
        choose(reference, files)


def test_a_file_is_pulled_from_its_commit_and_the_token_stays_with_the_hub(tmp_path: Path) -> None:
    data = gguf_like(5000)
    with fake_hub({"m-Q4_K_M.gguf": data, "README.md": b"read"}, "secret") as hub:
        assert hub.cdn is not None
        assert hub.hub is not None
        with pytest.raises(DeniedError, match="it wants credentials"):
            puller_at(hub, tmp_path).pull("hf://org/repo:Q4_K_M")
        puller = puller_at(hub, tmp_path, "secret")
        image = puller.pull("hf://org/repo:Q4_K_M")
        assert image.path.read_bytes() == data
        assert {seen.authorization for seen in hub.cdn.manners.seen} == {""}
        assert all(COMMIT in seen.path for seen in hub.hub.manners.seen if "resolve" in seen.path)
        assert puller.find("hf://org/repo:Q4_K_M") == image
        (stored,) = puller.store.all()
        assert stored.source == "hf://org/repo:Q4_K_M"
        asked = len(hub.hub.manners.seen)
        pinned = puller.pull(f"hf://org/repo@{COMMIT}/m-Q4_K_M.gguf")
        assert puller.pull(f"hf://org/repo@{COMMIT}/m-Q4_K_M.gguf") == pinned
        assert len(hub.hub.manners.seen) == asked + 1, "of a commit there is nothing new; its bytes were there"


def test_the_parts_of_a_split_model_lie_side_by_side(tmp_path: Path) -> None:
    parts = {f"m-0000{n}-of-00003.gguf": gguf_like(3000, n) for n in (1, 2, 3)}
    with fake_hub(parts) as hub:
        image = puller_at(hub, tmp_path).pull("hf://org/repo")
    assert image.path.name == "m-00001-of-00003.gguf"
    assert {path.name: path.read_bytes() for path in image.path.parent.iterdir()} == parts


def test_a_hub_that_is_none(tmp_path: Path) -> None:
    with bad_server({"/api/models/o/r/revision/main?blobs=true": b"<html>"}) as server:
        puller = Puller(Store(tmp_path), settings=PullSettings(hub=HubSettings(server.url)))
        with pytest.raises(AnswerError, match="does not answer as Hugging Face does"):
            puller.pull("hf://o/r")
        with pytest.raises(AbsentError, match="look at the name"):
            puller.pull("hf://o/absent")
