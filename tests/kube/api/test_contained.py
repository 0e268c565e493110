"""Whether what is there says all that is wanted: what an API server adds and how it writes quantities are no differences."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.kube.api.differences import contained, quantity, without_extras

LEAVES = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
TREES = st.recursive(LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)))


@given(TREES)
def test_everything_contains_itself(tree: Any) -> None:
    assert contained(tree, copy.deepcopy(tree))


@given(st.dictionaries(st.text(max_size=4), TREES, max_size=4), st.dictionaries(st.text(min_size=5), TREES, max_size=3))
def test_what_was_added_is_no_difference(tree: Any, defaults: Any) -> None:
    assert contained(tree, {**defaults, **tree})


@given(st.dictionaries(st.text(max_size=4), st.integers(min_value=1), min_size=1), st.data())
def test_a_changed_leaf_is_one(tree: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(tree)))
    assert not contained(tree, {**tree, key: tree[key] + 1})
    assert not contained(tree, {k: v for k, v in tree.items() if k != key})


@pytest.mark.parametrize(
    ("a", "b"), [("1", "1000m"), (1, "1"), ("1Gi", "1024Mi"), ("0.5", "500m"), ("1k", "1000"), ("1e3", "1k"), ("1.5Gi", "1536Mi")]
)
def test_quantities(a: Any, b: Any) -> None:
    assert quantity(a) == quantity(b)
    assert contained({"requests": {"cpu": a}}, {"requests": {"cpu": b}})
    assert not contained({"requests": {"cpu": a}}, {"requests": {"cpu": "77"}})


@pytest.mark.parametrize("value", ["", "many", "1Q", None, True, [], "Gi", "1e999999999"])
def test_what_is_no_quantity(value: Any) -> None:
    assert quantity(value) is None


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_numbers_are_quantities(number: int) -> None:
    assert quantity(number) == quantity(str(number)) == Fraction(number)


def test_named_things_are_compared_by_name() -> None:
    wanted = {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}
    there = {"containers": [{"name": "b", "image": "y", "pullPolicy": "Always"}, {"name": "a", "image": "x"}]}
    assert contained(wanted, there)
    assert not contained(wanted, {"containers": [*there["containers"], {"name": "c"}]}), "one that nobody asked for"
    assert not contained(wanted, {"containers": there["containers"][:1]})


@given(TREES, TREES)
def test_what_others_put_in_is_taken_out_and_nothing_else(wanted: Any, there: Any) -> None:
    assert without_extras(wanted, copy.deepcopy(wanted)) == wanted
    cut = without_extras(wanted, there)
    assert without_extras(wanted, cut) == cut
    assert not contained(wanted, there) or cut == there


def test_a_sidecar_and_its_like_are_taken_out() -> None:
    wanted = {"spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}], "args": ["y"]}}
    mine = {"name": "a", "env": [{"name": "X", "value": "1"}], "pullPolicy": "Always"}
    yours = {**mine, "env": [{"name": "EVIL", "value": "2"}, *mine["env"]]}
    there = {"spec": {"containers": [{"name": "sidecar"}, yours], "args": ["z"], "more": [{"name": "stays"}]}}
    assert without_extras(wanted, there) == {"spec": {"containers": [mine], "args": ["z"], "more": [{"name": "stays"}]}}


def test_plain_lists_are_compared_as_they_are() -> None:
    assert not contained({"args": ["a", "b"]}, {"args": ["b", "a"]})
    assert contained({"volumes": []}, {}), "the server leaves out what is empty"
