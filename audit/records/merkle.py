"""Merkle trees of RFC 6962 (section 2.1), grown leaf by leaf; inclusion and consistency proofs, and their checks.

Here leaves are given as leaf hashes, SHA-256(00 | data); a node is SHA-256(01 | left | right).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

EMPTY = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return _sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return _sha256(b"\1" + left + right).digest()


class Range:
    """The hashes that stand for the leaves from `begin` on: whole subtrees, each as large as its place allows.

    There are at most 2 log2(n) of them, so a tree is grown, and parts of it computed apart are joined, without keeping it.
    Nodes of the levels `keep` that grow whole are collected in `kept`, as (level, index, hash).
    """

    def __init__(self, begin: int = 0, nodes: Iterable[tuple[int, bytes]] = (), *, keep: Sequence[int] = ()) -> None:
        self.begin = self.end = begin
        self.nodes: list[tuple[int, bytes]] = []
        self.kept: list[tuple[int, int, bytes]] = []
        self._keep = frozenset(keep)
        self._lowest = min(keep, default=64)
        for level, value in nodes:
            self.push(level, value)

    def to_bytes(self) -> bytes:
        """Return the nodes as bytes: a byte for the level and 32 for the hash of each."""
        return b"".join(bytes([level]) + value for level, value in self.nodes)

    @classmethod
    def from_bytes(cls, data: bytes, *, keep: Sequence[int] = ()) -> "Range":
        """Return the range from 0 on that `to_bytes` wrote. Raises ValueError for what it cannot have written."""
        if len(data) % 33:
            raise ValueError("these are no nodes of a tree")
        nodes = [(data[at], data[at + 1 : at + 33]) for at in range(0, len(data), 33)]
        if any(level > 62 for level, _ in nodes):
            raise ValueError("these are no nodes of a tree")
        made = cls(0, nodes)
        made._keep, made._lowest = frozenset(keep), min(keep, default=64)
        return made

    def add(self, leaf: bytes) -> None:
        """Add the leaf that comes next."""
        end = self.end
        self.end = end + 1
        # Every bit of the index that is set ends a subtree to the left of the new one.
        level = 0
        nodes = self.nodes
        while nodes and end & 1 and nodes[-1][0] == level:
            leaf = _sha256(b"\1" + nodes.pop()[1] + leaf).digest()
            end >>= 1
            level += 1
            if level >= self._lowest and level in self._keep:
                self.kept.append((level, end, leaf))
        nodes.append((level, leaf))

    def push(self, level: int, value: bytes) -> None:
        """Add a whole subtree of 2^level leaves. Raises ValueError where such a subtree cannot begin."""
        if self.end & ((1 << level) - 1):
            raise ValueError(f"no subtree of 2^{level} leaves begins at {self.end}")
        place = self.end >> level
        self.end += 1 << level
        while self.nodes and place & 1 and self.nodes[-1][0] == level:
            value = node_hash(self.nodes.pop()[1], value)
            place >>= 1
            level += 1
            if level in self._keep:
                self.kept.append((level, place, value))
        self.nodes.append((level, value))

    def join(self, other: "Range") -> None:
        """Add the leaves of a range that begins where this one ends. Raises ValueError when it does not."""
        if other.begin != self.end:
            raise ValueError("these ranges do not meet")
        for level, value in other.nodes:
            self.push(level, value)

    def root(self) -> bytes:
        """Return the root of the tree; only a range from 0 on has one. Raises ValueError."""
        if self.begin:
            raise ValueError("a range that does not begin at 0 has no root")
        if not self.nodes:
            return EMPTY
        value = self.nodes[-1][1]
        for _, left in reversed(self.nodes[:-1]):
            value = node_hash(left, value)
        return value


class Tree:
    """A tree in memory, every level of it: 64 bytes a leaf and Python's own. Proofs take microseconds."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.add(leaf)

    def __len__(self) -> int:
        return len(self.levels[0])

    def add(self, leaf: bytes) -> None:
        """Add the leaf that comes next."""
        levels = self.levels
        level = 0
        levels[0].append(leaf)
        while not len(levels[level]) & 1:
            if level + 1 == len(levels):
                levels.append([])
            levels[level + 1].append(_sha256(b"\1" + levels[level][-2] + levels[level][-1]).digest())
            level += 1

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the whole subtree of 2^level leaves at that place."""
        return self.levels[level][index]

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves, of all by default."""
        return root_of(self, len(self) if size is None else size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that leaf `index` is in the tree of the first `size` leaves (RFC 6962, 2.1.1)."""
        return inclusion(self, index, size)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """Return the proof that the first `old` leaves are the beginning of the first `size` (RFC 6962, 2.1.2)."""
        return consistency(self, old, size)


class Nodes(Protocol):
    """Anything that gives the nodes of a tree."""

    def node(self, level: int, place: int, /) -> bytes:
        """Return the root of the whole subtree of 2^level leaves at that place."""


def root_of(tree: Nodes, size: int) -> bytes:
    """Return the root of the first `size` leaves of anything that has `node(level, index)`."""
    return Range(0, ((level, tree.node(level, start >> level)) for level, start in parts(0, size))).root()


def parts(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, first leaf) of the largest whole subtrees that fill the leaves from `begin` to `end`."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin
        begin += 1 << level


def inclusion(tree: Nodes, index: int, size: int) -> list[bytes]:
    """Return the inclusion proof, lowest hash first. Raises ValueError for a leaf that is not in the tree."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        half = 1 << ((end - begin - 1).bit_length() - 1)
        if index < begin + half:
            proof.append(_hash_of(tree, begin + half, end))
            end = begin + half
        else:
            proof.append(_hash_of(tree, begin, begin + half))
            begin += half
    return proof[::-1]


def consistency(tree: Nodes, old: int, size: int) -> list[bytes]:
    """Return the consistency proof. Raises ValueError unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError(f"a tree of {old} is not the beginning of a tree of {size}")
    proof: list[bytes] = []
    begin, end, whole = 0, size, True
    while old != end:
        half = 1 << ((end - begin - 1).bit_length() - 1)
        if old <= begin + half:
            proof.append(_hash_of(tree, begin + half, end))
            end = begin + half
        else:
            proof.append(_hash_of(tree, begin, begin + half))
            begin += half
            whole = False
    if not whole:
        proof.append(_hash_of(tree, begin, end))
    return proof[::-1]


def _hash_of(tree: Nodes, begin: int, end: int) -> bytes:
    """Return the root over the leaves from `begin` to `end`, a subtree of the tree."""
    size = end - begin
    if not size & (size - 1):
        level = size.bit_length() - 1
        return tree.node(level, begin >> level)
    nodes = [tree.node(level, start >> level) for level, start in parts(begin, end)]
    value = nodes[-1]
    for left in reversed(nodes[:-1]):
        value = node_hash(left, value)
    return value


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof shows the leaf hash at `index` of the tree with that size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last = index, size - 1
    value = leaf
    for other in proof:
        if not last:
            return False
        if here & 1 or here == last:
            value = node_hash(other, value)
            while here and not here & 1:
                here >>= 1
                last >>= 1
        else:
            value = node_hash(value, other)
        here >>= 1
        last >>= 1
    return last == 0 and value == root


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the proof shows that the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = list(proof)
    if not path:
        return False
    if not old & (old - 1):
        path.insert(0, old_root)
    here, last = old - 1, size - 1
    while here & 1:
        here >>= 1
        last >>= 1
    first = second = path[0]
    for other in path[1:]:
        if not last:
            return False
        if here & 1 or here == last:
            first = node_hash(other, first)
            second = node_hash(other, second)
            while here and not here & 1:
                here >>= 1
                last >>= 1
        else:
            second = node_hash(second, other)
        here >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == root
