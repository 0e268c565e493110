"""What a model may be named by, and what is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.model_files.reference import File, Registry, SourceError, Url, is_local_host, parse, short_name
from echorator.model_files.store import Store, StoreError

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("phi", Registry("registry.ollama.ai", "library/phi", "latest")),
        ("phi:3.8b", Registry("registry.ollama.ai", "library/phi", "3.8b")),
        ("library/phi", Registry("registry.ollama.ai", "library/phi", "latest")),
        ("ann/phi:q4", Registry("registry.ollama.ai", "ann/phi", "q4")),
        ("registry.example.com/ns/phi:tag", Registry("registry.example.com", "ns/phi", "tag")),
        ("localhost:5000/nano", Registry("localhost:5000", "nano", "latest")),
        ("localhost/nano", Registry("localhost", "nano", "latest")),
        ("hf.co/org/repo-GGUF:Q4_K_M", Registry("hf.co", "org/repo-GGUF", "Q4_K_M")),
        (f"phi@sha256:{HEX}", Registry("registry.ollama.ai", "library/phi", f"sha256:{HEX}")),
        ("oci://ghcr.io/org/model:v1", Registry("ghcr.io", "org/model", "v1", True)),
        (f"oci://host/model@sha256:{HEX}", Registry("host", "model", f"sha256:{HEX}", True)),
        (f"https://h.org/a/x.gguf#sha256={HEX.upper()}", Url("https://h.org/a/x.gguf", f"sha256:{HEX}")),
        ("echo-nano", File(Path(), True)),
        ("x.gguf", File(Path("x.gguf"))),
        ("models/x.gguf", File(Path("models/x.gguf"))),
        ("/models/x", File(Path("/models/x"))),
        ("./x", File(Path("x"))),
        ("file:x", File(Path("x"))),
        ("file:///models/x", File(Path("/models/x"))),
        ("file://localhost/models/x", File(Path("/models/x"))),
    ],
)
def test_sources(source: str, meant: object) -> None:
    assert parse(source) == meant
    assert parse(str(parse(source))) == parse(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "at least one"),
        ("a\0b", "without NUL"),
        ("x" * 5000, "at most 4096"),
        ("s3://bucket/x", "s3:// is not known"),
        ("~nobody-of-this-name/x.gguf", "has a home here; write the whole path"),
        ("phi:a b", "is no tag"),
        ("a//b", "is no part of a model's name"),
        ("host.org/../../etc/passwd", "is no part of a model's name"),
        ("a..b", "is no part"),
        ("phi@sha256:12", "is no digest"),
        ("oci://phi", "is oci://REGISTRY/REPOSITORY:TAG"),
        ("ho_st.org:1/x/y", "is no host of a registry"),
        ("https://h.org/x.gguf", "say which file is meant by its digest"),
        ("https://h.org/x.gguf#sha256=12", "say which file is meant by its digest"),
        ("https:///x#sha256=" + HEX, "names no host"),
        ("https://h.org:99999/x#sha256=" + HEX, "out of range"),
    ],
)
def test_what_names_nothing(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said.replace("(", r"\(")):
        parse(source)


def test_short_names() -> None:
    names = {source: short_name(parse(source)) for source in ("ann/phi", "phi:q4", f"https://h/x/y.gguf#sha256={HEX}", f"phi@sha256:{HEX}")}  # type: ignore[arg-type]
    assert list(names.values()) == ["phi", "phi:q4", "y", "phi"]


@pytest.mark.parametrize(("host", "local"), [("localhost:5000", True), ("127.0.0.1:1", True), ("[::1]:5", True), ("localhost.org", False)])
def test_local_hosts(host: str, local: bool) -> None:
    assert is_local_host(host) is local


@given(st.text(max_size=40) | st.text("abz./:@-_~#0", max_size=40).map(lambda t: f"oci://{t}"))
def test_any_text_is_understood_or_refused_and_never_leads_out_of_the_store(source: str) -> None:
    try:
        reference = parse(source)
    except SourceError:
        return
    if isinstance(reference, Registry | Url):
        assert parse(str(reference)) == reference
        assert ".." not in reference.place
        assert all("/" not in part and part for part in reference.place)


def test_places_outside_the_store_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for path in ("../x", "a/./b", "a//b"):
        with pytest.raises(StoreError, match="leads out of the store"):
            store.find(Registry("h", path, "t"))
    with pytest.raises(StoreError, match="is no digest"):
        store.blob("sha256:../../etc/passwd")
