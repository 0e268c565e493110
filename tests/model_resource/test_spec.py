"""What a Model's spec may say, and what is said of what it may not."""

from __future__ import annotations

import pytest

from echorator.model_resource.mesh_spec import mesh_spec
from echorator.model_resource.schema import SpecError, check, document, dotted, nearest
from echorator.model_resource.spec import ModelSpec


def test_a_spec_is_written_as_it_was_read() -> None:
    given = {"image": "phi.gguf", "replicas": 2, "engine": {"slots": 4, "tensorSplit": [1.0, 2.0]}, "routing": {"loadBalancing": "Session"}}
    spec = check(ModelSpec, given)
    assert spec.engine.tensor_split == (1.0, 2.0)
    again = document(spec)
    assert check(ModelSpec, again) == spec
    assert again["engine"] == given["engine"]
    assert again["cognition"] == {"enabled": True}


def test_a_model_and_its_adapters_are_what_it_needs() -> None:
    spec = check(ModelSpec, {"image": "x", "engine": {"lora": [{"image": "a", "scale": 0.5}, {"image": "b"}]}})
    assert spec.sources() == ("x", "a", "b")
    assert document(spec)["engine"]["lora"] == [{"image": "a", "scale": 0.5}, {"image": "b", "scale": 1.0}]
    options = mesh_spec("m", "x", spec).options
    assert [(lora.source, lora.scale) for lora in options.lora] == [("a", 0.5), ("b", 1.0)]
    assert [lora.name for lora in options.lora] == ["", ""]


def test_an_adapter_may_have_a_name() -> None:
    spec = check(ModelSpec, {"image": "x", "engine": {"lora": [{"image": "a", "name": "style"}, {"image": "b"}]}})
    assert document(spec)["engine"]["lora"] == [{"image": "a", "scale": 1.0, "name": "style"}, {"image": "b", "scale": 1.0}]
    assert [lora.name for lora in mesh_spec("m", "x", spec).options.lora] == ["style", ""]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "spec.image: is missing"),
        ({"image": ""}, "spec.image: must not be empty"),
        ({"image": 3}, "spec.image: must be text, not 3"),
        ({"image": None}, "spec.image: must be text, not nothing"),
        ({"image": "a\0b"}, "spec.image: must not contain NUL"),
        ({"image": "x", "replica": 2}, "spec.replica: there is no such field; did you mean 'replicas'?"),
        ({"image": "x", "zzz": 2}, "spec.zzz: there is no such field; known: cognition, engine, image, isolation, replicas, routing"),
        ({"image": "x", "replicas": -1}, "spec.replicas: must be at least 0, not -1"),
        ({"image": "x", "replicas": 1001}, "spec.replicas: must be at most 1000, not 1001"),
        ({"image": "x", "replicas": True}, "spec.replicas: must be a whole number, not True"),
        ({"image": "x", "replicas": "2"}, "spec.replicas: must be a whole number, not '2'"),
        ({"image": "x", "engine": {"slot": 1}}, "spec.engine.slot: there is no such field; did you mean 'slots'?"),
        ({"image": "x", "engine": {"slots": 0}}, "spec.engine.slots: slots must be 1..128"),
        ({"image": "x", "engine": {"kvTypeK": "f17"}}, "spec.engine.kvTypeK: kv_type_k must be one of f32"),
        ({"image": "x", "engine": {"lora": [{}]}}, "spec.engine.lora[0].image: is missing"),
        ({"image": "x", "engine": {"lora": [{"image": "a\0b"}]}}, "spec.engine.lora[0].image: must not contain NUL"),
        ({"image": "x", "engine": {"lora": [{"image": "a", "scale": 101}]}}, "spec.engine.lora[0].scale: must be at most 100, not 101"),
        ({"image": "x", "engine": {"lora": [{"image": "a"}] * 17}}, "spec.engine.lora: lora: at most 16 adapters, not 17"),
        ({"image": "x", "engine": {"lora": [{"image": "a", "name": "a b"}]}}, "spec.engine.lora[0].name: must be 1..64 letters"),
        ({"image": "x", "engine": {"lora": [{"image": "a", "name": "latest"}]}}, "spec.engine.lora[0].name: must not be 'latest'"),
        (
            {"image": "x", "engine": {"lora": [{"image": "a", "name": "n"}] * 2}},
            "spec.engine.lora: lora: two adapters have the name 'n'",
        ),
        ({"image": "x", "engine": []}, "spec.engine: must be a mapping, not a list"),
        (
            {"image": "x", "routing": {"loadBalancing": "session"}},
            "spec.routing.loadBalancing: must be 'Weighted' or 'Session', not 'session'",
        ),
        ({"image": "x", "isolation": "VM"}, "spec.isolation: must be 'Process' or 'Thread', not 'VM'"),
        ([], "spec: must be a mapping, not a list"),
    ],
)
def test_mistakes(given: object, said: str) -> None:
    with pytest.raises(SpecError) as failed:
        check(ModelSpec, given)
    assert said in str(failed.value)


def test_every_mistake_is_said_at_once() -> None:
    with pytest.raises(SpecError) as failed:
        check(ModelSpec, {"image": 1, "replicas": -1, "x": 0})
    assert len(failed.value.faults) == 3


def test_paths_and_names() -> None:
    assert dotted(("spec", "list", 0, "name")) == "spec.list[0].name"
    assert nearest("REPLICAS", ["replicas", "image"]) == "did you mean 'replicas'?"
    assert nearest("q", ["b", "a"]) == "known: a, b"
