"""Merkle trees and their proofs: our vectors, made by RFC 6962's own definitions, and properties."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records.merkle import EMPTY, Range, Tree, check_consistency, check_inclusion, leaf_hash, parts
from tests.vectors import proofs

VECTORS = json.loads(proofs.PATH.read_text())


def tree(size: int) -> Tree:
    return Tree(leaf_hash(proofs.data(index)) for index in range(size))


def unhex(case: dict[str, Any]) -> dict[str, Any]:
    names = ("leaf", "root", "old_root")
    found = {name: bytes.fromhex(value) if name in names else value for name, value in case.items() if name != "why"}
    return {**found, "proof": [bytes.fromhex(value) for value in case["proof"]]}


def test_the_file_is_what_the_program_writes() -> None:
    assert proofs.build() == VECTORS


@pytest.mark.parametrize("case", VECTORS["roots"], ids=lambda case: case["size"])
def test_roots(case: dict[str, Any]) -> None:
    size = case["size"]
    assert tree(size).root().hex() == case["root"]
    assert tree(100).root(size).hex() == case["root"]
    grown = Range()
    for index in range(size):
        grown.add(leaf_hash(proofs.data(index)))
    assert grown.root().hex() == case["root"]
    assert Range.from_bytes(grown.to_bytes()).root().hex() == case["root"]


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=lambda case: f"{case['index']}-of-{case['size']}")
def test_inclusion(case: dict[str, Any]) -> None:
    case = unhex(case)
    assert tree(100).inclusion(case["index"], case["size"]) == case["proof"]
    assert check_inclusion(**case)


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=lambda case: f"{case['old']}-to-{case['size']}")
def test_consistency(case: dict[str, Any]) -> None:
    case = unhex(case)
    assert tree(100).consistency(case["old"], case["size"]) == case["proof"]
    assert check_consistency(**case)


@pytest.mark.parametrize("case", VECTORS["bad_inclusion"], ids=lambda case: case["why"])
def test_a_bad_inclusion_proof_is_refused(case: dict[str, Any]) -> None:
    assert not check_inclusion(**unhex(case))


@pytest.mark.parametrize("case", VECTORS["bad_consistency"], ids=lambda case: case["why"])
def test_a_bad_consistency_proof_is_refused(case: dict[str, Any]) -> None:
    assert not check_consistency(**unhex(case))


@given(st.integers(1, 700), st.data())
def test_every_proof_holds_and_only_for_its_leaf(size: int, data: st.DataObject) -> None:
    whole = tree(size)
    index = data.draw(st.integers(0, size - 1))
    proof = whole.inclusion(index, size)
    assert check_inclusion(whole.node(0, index), index, size, proof, whole.root())
    assert not check_inclusion(leaf_hash(b"other"), index, size, proof, whole.root())
    old = data.draw(st.integers(1, size))
    assert check_consistency(old, whole.root(old), size, whole.root(), whole.consistency(old, size))


@given(st.lists(st.integers(0, 400), max_size=5), st.integers(0, 400))
def test_ranges_made_apart_join_to_the_same_tree(cuts: list[int], size: int) -> None:
    whole = tree(size)
    bounds = sorted({0, size, *(cut for cut in cuts if cut < size)})
    joined = Range(keep=(3, 6))
    for begin, end in itertools.pairwise(bounds):
        part = Range(begin, keep=(3, 6))
        for index in range(begin, end):
            part.add(whole.node(0, index))
        joined.kept += part.kept
        joined.join(part)
    assert joined.root() == (whole.root() if size else EMPTY)
    expected = {(level, place): whole.node(level, place) for level in (3, 6) for place in range(size >> level)}
    assert {(level, place): value for level, place, value in joined.kept} == expected


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_parts_fill_a_stretch_with_subtrees_in_their_places(begin: int, length: int) -> None:
    at = begin
    for level, start in parts(begin, begin + length):
        assert start == at
        assert start % (1 << level) == 0
        at += 1 << level
    assert at == begin + length


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="begins at 1"):
        Range(1).push(1, bytes(32))
    with pytest.raises(ValueError, match="do not meet"):
        Range(0).join(Range(4))
    with pytest.raises(ValueError, match="no root"):
        Range(4).root()
    with pytest.raises(ValueError, match="no nodes"):
        Range.from_bytes(b"x" * 34)
    with pytest.raises(ValueError, match="not in a tree"):
        tree(3).inclusion(3, 3)
    with pytest.raises(ValueError, match="not the beginning"):
        tree(3).consistency(0, 3)
