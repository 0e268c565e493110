"""YAML files: what may be in them, and the file, line and field of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.cli.output.yaml_text import WithoutAnchors
from echorator.cluster.core_yaml import CoreLoader
from echorator.cluster.documents import document_of, wish_of
from echorator.cluster.manifests import ManifestError, parse_manifests, read_manifests
from echorator.cluster.messages import document_of_message, message_of, message_of_wish, wish_from
from echorator.cluster.resources import Kind, Resource
from echorator.model_resource.schema import SpecError
from echorator.model_resource.spec import ModelSpec
from tests.support.rounds import rounds

GOOD = """\
apiVersion: echorator.dev/v1
kind: Model
metadata:
  name: phi
  labels: {team: a}
spec:
  image: phi.gguf
  replicas: 2
---
---
apiVersion: echorator.dev/v1
kind: Service
metadata: {name: sums}
spec: {selector: {app: sums}}
"""


def said_of(text: str) -> str:
    with pytest.raises(ManifestError) as failed:
        parse_manifests(text, "f.yaml")
    return str(failed.value)


def test_a_good_file(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(GOOD)
    model, service = read_manifests(tmp_path / "f.yaml")
    assert (model.key.kind, model.key.name, dict(model.labels)) == (Kind.MODEL, "phi", {"team": "a"})
    assert isinstance(model.spec, ModelSpec)
    assert model.spec.image == str(tmp_path / "phi.gguf"), "from the folder of the file"
    assert str(service.key) == "service/sums"


def test_adapters_are_files_of_that_folder_too(tmp_path: Path) -> None:
    engine = "engine: {lora: [{image: tuned/a.gguf}, {image: 'hf://a/b/c.gguf', scale: 0.5}]}"
    (tmp_path / "f.yaml").write_text(f"apiVersion: echorator.dev/v1\nkind: Model\nmetadata: {{name: m}}\nspec: {{image: m.gguf, {engine}}}")
    (wish,) = read_manifests(tmp_path / "f.yaml")
    assert isinstance(wish.spec, ModelSpec)
    assert wish.spec.sources() == (str(tmp_path / "m.gguf"), str(tmp_path / "tuned/a.gguf"), "hf://a/b/c.gguf")


def test_the_embedded_model_and_other_places_are_no_paths() -> None:
    for image in ("echo-nano", "hf://a/b/c.gguf", "/abs/x.gguf"):
        (wish,) = parse_manifests(GOOD.split("---")[0].replace("phi.gguf", image), "f.yaml")
        assert isinstance(wish.spec, ModelSpec)
        assert wish.spec.image == image


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("replicas: 2", "replica: 2", "f.yaml:8: spec.replica: there is no such field; did you mean 'replicas'?"),
        ("replicas: 2", "replicas: two", "f.yaml:8: spec.replicas: must be a whole number, not 'two'"),
        ("name: phi\n", "name: Phi\n", "f.yaml:4: metadata.name: 'Phi' is not fit: at most 63 of a-z, 0-9, - and ."),
        ("  name: phi\n", "", "f.yaml:3: metadata.name: is missing"),
        ("{team: a}", "{team: 'a b'}", "f.yaml:5: metadata.labels: 'a b' is not a label's value"),
        ("{team: a}", "{'?': a}", "f.yaml:5: metadata.labels: '?' is not a label's name"),
        ("kind: Model", "kind: Modle", "f.yaml:2: kind: there is no kind 'Modle'; did you mean 'Model'?"),
        ("kind: Model", "kind: Pod", "f.yaml:2: kind: there is no kind 'Pod'; known: Container, Model, ReplicaSet, Service"),
        ("kind: Model\n", "", "f.yaml:1: kind is missing; known: Container, Model, ReplicaSet, Service"),
        ("apiVersion: echorator.dev/v1\nkind: Model", "kind: Model", "f.yaml:1: apiVersion is missing; write echorator.dev/v1"),
        ("echorator.dev/v1\nkind: Model", "v1\nkind: Model", "f.yaml:1: apiVersion: apiVersion 'v1' is not known; write echorator.dev/v1"),
        ("spec:\n  image", "spce:\n  image", "f.yaml:6: spce: there is no such field; did you mean 'spec'?"),
        ("  image: phi.gguf", "  image: [1", "f.yaml:8: while parsing a flow sequence"),
        ("replicas: 2", "image: y", "f.yaml:8: 'image' is there twice"),
        ("replicas: 2", "replicas: !!python/name:os.system x", "f.yaml:8: could not determine a constructor"),
        ("name: sums", "name: sums, resourceVersion: abc", "f.yaml:13: metadata.resourceVersion: 'abc' is not one that this cluster gave"),
        ("{selector: {app: sums}}", "{selector: {}}", "f.yaml:14: spec.selector: "),
        ("{selector: {app: sums}}", "{}", "f.yaml:14: spec.selector: is missing"),
    ],
)
def test_mistakes_name_file_line_and_field(old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in said_of(GOOD.replace(old, new, 1))


def test_all_mistakes_are_said_at_once() -> None:
    text = GOOD.replace("replicas: 2", "replica: 2").replace("kind: Service", "kind: Servce")
    assert len(said_of(text).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: there is no resource in it"),
        ("---\n---\n", "f.yaml: there is no resource in it"),
        ("- 1\n", "f.yaml:1: a resource is a mapping with apiVersion, kind, metadata and spec"),
        ("a: \x00", "f.yaml: character 3 is 0"),
        ("a: &x [*x]\n", "more than 200000 values once its aliases are written out"),
        ("[" * 5000, "f.yaml:1: nested too deeply"),
        (GOOD + "---\n" + GOOD, "service/sums is there twice"),
    ],
)
def test_what_is_no_manifest(text: str, said: str) -> None:
    assert said in said_of(text)


def test_aliases_that_would_fill_the_memory_are_refused() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(12)]
    assert "more than 200000 values" in said_of("\n".join(lines))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        read_manifests(tmp_path / "absent.yaml")
    with pytest.raises(ManifestError, match="Is a directory"):
        read_manifests(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(ManifestError, match="is not UTF-8 at byte 3"):
        read_manifests(tmp_path / "latin.yaml")
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(9 << 20)
    with pytest.raises(ManifestError, match="larger than 8 MiB"):
        read_manifests(tmp_path / "large.yaml")


@settings(max_examples=rounds(300))
@given(st.text(max_size=60) | st.lists(st.sampled_from(GOOD.split()), max_size=20).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_manifests(text, "f.yaml")
    except ManifestError as refused:
        said = str(refused)
    else:
        said = "f.yaml:"
    assert said.startswith("f.yaml:")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_any_document_is_a_wish_or_refused(given_: object) -> None:
    with pytest.raises(SpecError):
        wish_of(given_)
    with pytest.raises(SpecError):
        wish_of({"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": given_, "spec": given_})


MODEL = """\
apiVersion: echorator.dev/v1
kind: Model
metadata: {{name: m, labels: {{a: {label}}}}}
spec: {{image: m.gguf, replicas: {replicas}}}
"""


@pytest.mark.parametrize(("written", "meant"), [("10", 10), ("+10", 10), ("0o17", 15), ("0x1F", 31), ("0", 0), ("!!int 10", 10)])
def test_whole_numbers_are_those_of_yaml_1_2(written: str, meant: int) -> None:
    (wish,) = parse_manifests(MODEL.format(label="x", replicas=written), "f.yaml")
    assert isinstance(wish.spec, ModelSpec)
    assert wish.spec.replicas == meant


@pytest.mark.parametrize("written", ["1_000", "1:30", "0b11", "0o18", "yes", "on", "2001-01-01", "1e2", "1.0"])
def test_what_only_yaml_1_1_takes_for_a_whole_number_is_none(written: str) -> None:
    said = said_of(MODEL.format(label="x", replicas=written))
    shown = {"1e2": "100.0", "1.0": "1.0"}.get(written, f"'{written}'")
    assert said == f"f.yaml:4: spec.replicas: must be a whole number, not {shown}"


@pytest.mark.parametrize("written", ["010", "-010", "00", "08"])
def test_a_number_that_readers_of_yaml_disagree_on_is_refused(written: str) -> None:
    for text in (MODEL.format(label="x", replicas=written), MODEL.format(label=written, replicas=1)):
        assert said_of(text).split(":", 2)[2].startswith(f" {written} is octal to some readers of YAML and decimal to others; write it")


@pytest.mark.parametrize(
    "written", ["yes", "No", "on", "off", "y", "1_000", "1-30", "2001-01-01", "'010'", "0b11", "'1e3'", "'0o7'", "'true'"]
)
def test_a_label_may_be_what_yaml_1_1_takes_for_another_value(written: str) -> None:
    """Also once it was shown by `get -o yaml`, and read by a reader of YAML 1.1."""
    (wish,) = parse_manifests(MODEL.format(label=written, replicas=1), "f.yaml")
    assert wish.labels == {"a": written.strip("'")}
    shown = yaml.dump(document_of(Resource(wish.key, wish.spec, wish.labels, uid="u")), Dumper=WithoutAnchors)
    (again,) = parse_manifests(shown, "f.yaml")
    assert again.labels == wish.labels
    assert yaml.safe_load(shown)["metadata"]["labels"] == wish.labels


@given(st.text(alphabet="0123456789+-._:eExob~nulfyts ", max_size=8))
@settings(max_examples=rounds(500))
def test_a_text_that_is_shown_is_read_as_that_text(text: str) -> None:
    shown = yaml.dump({"a": text}, Dumper=WithoutAnchors)
    assert CoreLoader(shown).get_single_data() == yaml.safe_load(shown) == {"a": text}


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_a_value_that_is_shown_is_read_as_that_value(value: object) -> None:
    shown = yaml.dump({"a": value}, Dumper=WithoutAnchors)
    assert CoreLoader(shown).get_single_data() == {"a": value}


def test_resources_survive_their_messages_and_documents() -> None:
    for wish in parse_manifests(GOOD, "f.yaml"):
        assert wish_from(message_of_wish(wish)) == wish
        resource = Resource(wish.key, wish.spec, wish.labels, uid="u", resource_version=7, created_s=1.5, deleting_s=2.0, status={"n": 1})
        assert document_of_message(message_of(resource))["status"] == {"n": 1}
        shown = yaml.safe_dump(document_of(resource))
        (again,) = parse_manifests(shown, "f.yaml")
        assert (again.key, again.spec, again.resource_version) == (wish.key, wish.spec, 7), "what get shows can be applied"


def test_a_yaml_for_kubernetes_is_taken_here_too() -> None:
    everything = yaml.safe_load((Path(__file__).parents[1] / "kube/data/everything.yaml").read_text("utf-8"))
    document = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": "phi"}, "spec": everything}
    said = said_of(yaml.safe_dump(document))
    assert "spec.servedName: is for Kubernetes; here a Model is asked for by its metadata.name" in said
    del everything["servedName"]
    assert "spec.cognition.store: is for Kubernetes" in said_of(yaml.safe_dump(document))
    del everything["cognition"]["store"]
    (wish,) = parse_manifests(yaml.safe_dump(document), "f.yaml")
    assert isinstance(wish.spec, ModelSpec)
    assert (wish.spec.replicas, wish.spec.engine.slots, wish.spec.routing.load_balancing) == (2, 4, "Session")
    document = {**document, "spec": {"image": "phi", "gpus": -1, "storag": {}}}
    said = said_of(yaml.safe_dump(document))
    assert "spec.gpus: must be at least 0" in said
    assert "did you mean 'storage'?" in said
    for path in (Path(__file__).parents[2] / "manifests/samples").glob("*.yaml"):
        assert read_manifests(path)
