"""Proofs from the stored tree are those of a tree in memory."""

import base64
import io
import json
import random
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from audit.errors import NotFound
from audit.journal import journal
from audit.models import Entry, Node
from audit.proofs import StoredTree, newest_head, prove_consistency, prove_inclusion
from audit.records.event import Event, Kind
from audit.records.merkle import Tree, check_consistency, check_inclusion

pytestmark = pytest.mark.django_db(transaction=True)


def chunks(begin: int, count: int) -> None:
    events = [
        Event(Kind.CHUNK, UUID(int=1), UUID(int=2), 1, begin + number, "ada", 5, "text") for number in range(count)
    ]
    journal().submit(events).result(30)


def test_proofs_of_a_stored_tree_are_those_of_one_in_memory() -> None:
    chunks(0, 700)
    old = newest_head()[1]
    chunks(700, 1234)
    note, head = newest_head()
    assert head.size == Entry.objects.count() == 1935
    assert Node.objects.filter(level=8).count() == 7
    memory = Tree(bytes(value) for value in Entry.objects.order_by("seq").values_list("hash", flat=True))
    stored = StoredTree()
    assert memory.root() == head.root
    for number in [1, 256, 257, 1935, *random.Random(5).sample(range(1, 1936), 40)]:
        proof = prove_inclusion(number, note, head, stored)
        assert proof.hashes == memory.inclusion(number - 1, head.size)
        assert check_inclusion(memory.node(0, number - 1), number - 1, head.size, proof.hashes, head.root)
    for size in (1, 255, 256, old.size, 1934, 1935):
        hashes = prove_consistency(size, head, stored)
        assert check_consistency(size, memory.root(size), head.size, head.root, hashes)


def test_a_head_is_made_when_the_last_does_not_reach() -> None:
    chunks(0, 3)
    assert newest_head()[1].size == 4
    chunks(3, 1)
    assert newest_head()[1].size == 5
    assert newest_head() == newest_head()


def test_the_command_prints_proofs_that_check() -> None:
    chunks(0, 9)
    out = io.StringIO()
    call_command("prove", "--entry=5", stdout=out)
    told = json.loads(out.getvalue())
    hashes = [base64.b64decode(value) for value in told["proof"]]
    head = newest_head()[1]
    assert check_inclusion(base64.b64decode(told["leaf"]), 4, head.size, hashes, head.root)
    out = io.StringIO()
    call_command("prove", "--since=4", stdout=out)
    assert len(json.loads(out.getvalue())["proof"]) > 0
    for wrong in ("--entry=99", "--since=0"):
        with pytest.raises(CommandError, match="there is no"):
            call_command("prove", wrong)


def test_an_empty_record_has_no_head() -> None:
    with pytest.raises(NotFound, match="empty"):
        newest_head()
