"""Proofs from the stored tree: some hundred hashes are read for one, whatever the size of the record."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections

from audit.checkpoints import Heads
from audit.errors import NotFound
from audit.models import Checkpoint, Entry
from audit.records.checkpoint import Head, read_head
from audit.records.merkle import Tree, consistency, inclusion
from audit.vault import signers

# The levels kept are the multiples of this (audit.checkpoints.KEPT_LEVELS).
_WIDTH = 8
# Blocks of 256 hashes kept in memory by a StoredTree.
_BLOCKS = 256


class StoredTree:
    """The tree of the record as the database keeps it: leaves in the ledger, every eighth level in audit_node."""

    def __init__(self, alias: str = "default") -> None:
        self._alias = alias
        self._blocks: dict[tuple[int, int], Tree] = {}

    def node(self, level: int, place: int) -> bytes:
        """Return the root of the whole subtree of 2^level leaves at that place. Raises NotFound."""
        base = level - level % _WIDTH
        inside = level - base
        block = place >> (_WIDTH - inside)
        tree = self._blocks.get((base, block)) or self._load(base, block)
        try:
            return tree.node(inside, place - (block << (_WIDTH - inside)))
        except IndexError:
            raise NotFound(f"node {place} of level {level} is not in the database") from None

    def _load(self, base: int, block: int) -> Tree:
        first = block << _WIDTH
        with connections[self._alias].cursor() as cursor:
            if base == 0:
                query = "SELECT hash FROM audit_entry WHERE seq > %s AND seq <= %s ORDER BY seq"
                cursor.execute(query, [first, first + (1 << _WIDTH)])
            else:
                query = "SELECT hash FROM audit_node WHERE level = %s AND place >= %s AND place < %s ORDER BY place"
                cursor.execute(query, [base, first, first + (1 << _WIDTH)])
            tree = Tree(bytes(value) for (value,) in cursor.fetchall())
        if len(self._blocks) >= _BLOCKS:
            self._blocks.clear()
        self._blocks[base, block] = tree
        return tree


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in the tree of a signed head."""

    sequence: int
    note: str
    hashes: list[bytes]


def newest_head(alias: str = "default") -> tuple[str, Head]:
    """Return the newest signed head, made now when entries stand behind the last. Raises NotFound for an empty record."""
    heads = Heads(alias)
    heads.written()
    heads.publish()
    row = Checkpoint.objects.using(alias).order_by("-size").first()
    if row is None:
        raise NotFound("the record is empty")
    return row.note, read_head(row.note, [signer.public for signer in signers()])


def prove_inclusion(sequence: int, note: str, head: Head, tree: StoredTree) -> Proof:
    """Return the proof that an entry is under a head. Raises NotFound for one that is not."""
    if not 1 <= sequence <= head.size:
        raise NotFound(f"there is no entry {sequence} under this head: it covers 1 to {head.size}")
    return Proof(sequence, note, inclusion(tree, sequence - 1, head.size))


def prove_consistency(old: int, head: Head, tree: StoredTree) -> list[bytes]:
    """Return the proof that the first `old` entries are the beginning of the record under a head. Raises NotFound."""
    if not 1 <= old <= head.size:
        raise NotFound(f"there is no head of {old} entries: the record has {head.size}")
    return consistency(tree, old, head.size)


@dataclass(frozen=True, slots=True)
class StreamProof:
    """That the first of the `all` entries of a stream are under a signed head: (number, hash, proof) of each."""

    note: str
    head: Head
    entries: list[tuple[int, bytes, list[bytes]]]
    all: int


def prove_stream(user: Any, stream: UUID, limit: int) -> StreamProof:
    """Return the proof for at most `limit` entries of a stream of the user. A head is made only when none covers them yet.
    Raises NotFound for another's."""
    own = Entry.objects.filter(stream=stream, conversation__user=user).order_by("seq")
    count = own.count()
    rows = list(own.values_list("seq", "hash")[:limit])
    if not rows:
        raise NotFound("there is no such answer of yours")
    covering = Checkpoint.objects.filter(size__gte=rows[-1][0]).order_by("size").first()
    if covering is not None:
        note, head = covering.note, read_head(covering.note, [signer.public for signer in signers()])
    else:
        note, head = newest_head()
    tree = StoredTree()
    entries = [(seq, bytes(value), prove_inclusion(seq, note, head, tree).hashes) for seq, value in rows]
    return StreamProof(note, head, entries, count)
