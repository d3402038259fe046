"""Texts that wait for their like: who is found, who makes room, what is forgotten."""

from math import ceil
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.discovery import waiting
from compression.discovery.beside import Beside
from compression.discovery.clusters import Unit
from compression.discovery.grams import ALIKE, POSTINGS, RARE
from compression.discovery.waiting import Waiting

SKETCHES = st.lists(st.sets(st.integers(1, 14), min_size=1, max_size=8).map(sorted), max_size=24)
#: N-grams as many as fit into a key.
LARGE = 2**44 - 1


def unit(number: int, user: str | None = None) -> Unit:
    return Unit(user or f"u{number}", f"text {number}")


def alike(number: int, sketches: list[list[int]], crowd: int) -> dict[int, int]:
    """Return by the definition, one after the other, which texts are like one, and how many n-grams they share with it."""
    mine = sketches[number]
    having = {gram: [one for one, other in enumerate(sketches) if gram in other] for gram in mine}
    chosen = [gram for gram in mine if len(having[gram]) < crowd]
    if len(chosen) < min(RARE, len(mine)):
        chosen = mine
    shared = {
        one: sum(one in having[gram][-crowd:] for gram in chosen) for one in range(len(sketches)) if one != number
    }
    return {one: count for one, count in shared.items() if count >= max(1, ceil(ALIKE * len(chosen)))}


@given(SKETCHES, SKETCHES, st.integers(1, 4), st.sampled_from([3, 6, POSTINGS]))
def test_those_have_hopes_that_share_enough_with_so_many(
    first: list[list[int]], second: list[list[int]], needed: int, crowd: int
) -> None:
    found = Waiting()
    sketches = [*first, *second]
    texts = [(number, unit(number), sketch) for number, sketch in enumerate(sketches)]
    with (
        patch.object(waiting, "POSTINGS", crowd),
        patch.object(waiting, "_AT_ONCE", 7),
        patch.object(waiting, "_TOGETHER", 3),
    ):
        assert found.add(texts[: len(first)], needed) == []
        assert found.add(texts[len(first) :], needed) == []
    assert not any(found.hopeful(number) for number in range(len(first)))
    for number in range(len(first), len(sketches)):
        wanted = alike(number, sketches, crowd)
        assert found.hopeful(number) == (len(wanted) >= needed)
        if found.hopeful(number):
            named = found.like(number)
            assert sorted(named) == sorted(wanted)
            assert [wanted[one] for one in named] == sorted(wanted.values(), reverse=True)
    assert found.entries == sum(map(len, sketches))
    assert found.sketches() == dict(enumerate(sketches))


def test_what_waits_no_longer_is_nobodys_like() -> None:
    found = Waiting()
    found.add([(number, unit(number), [1, 2, LARGE]) for number in range(4)], 2)
    assert found.like(3) == [0, 1, 2]
    assert found.pop(1) == unit(1)
    assert found.like(3) == [0, 2]
    found.add([(4, unit(4), [1, 2, LARGE])], 2)
    assert found.like(4) == [0, 2, 3]
    assert not found.hopeful(3)
    assert list(found) == [0, 2, 3, 4]
    assert (len(found), 1 in found, found.entries) == (4, False, 12)
    with pytest.raises(KeyError):
        found.pop(1)


def test_of_one_users_texts_that_are_alike_the_newest_two_wait() -> None:
    found = Waiting()
    assert found.add([(number, unit(number, "flood"), [1, 2, 3]) for number in range(4)], 1) == [
        unit(0, "flood"),
        unit(1, "flood"),
    ]
    # Another kind of text of the same user, and one that has a third of its n-grams in common, drive out nothing.
    assert found.add([(4, unit(4, "flood"), [7, 8, 9]), (5, unit(5, "flood"), [3, 11, 12])], 1) == []
    assert found.add([(6, unit(6), [1, 2, 3])], 1) == []
    # The n-gram that 5 took from 3 does not name 3 any more.
    assert found.sketches() == {2: [1, 2, 3], 3: [1, 2], 4: [7, 8, 9], 5: [3, 11, 12], 6: [1, 2, 3]}
    assert found.like(6) == [2, 3]


def test_texts_beside_a_template_wait_under_their_place() -> None:
    found = Beside()
    assert found.add(1, unit(1), 70) == []
    assert found.add(2, unit(2), 70) == []
    assert found.add(3, unit(3), 71) == []
    assert found.add(5, unit(5, "u1"), 70) == [unit(1)]
    assert (found.under(70), found.under(71), found.under(72)) == ([2, 5], [3], [])
    assert list(found.rows()) == [(2, unit(2), 70), (3, unit(3), 71), (5, unit(5, "u1"), 70)]
    assert found.pop(3) == unit(3)
    assert (list(found), found[5], len(found), found.under(71)) == ([2, 5], unit(5, "u1"), 2, [])


@pytest.mark.parametrize("held", [Waiting(), Beside()], ids=["waiting", "beside"])
def test_what_a_user_has_beyond_a_share_is_the_oldest_of_it(held: Waiting | Beside) -> None:
    for number, user in enumerate(["flood", "u", "flood", "flood", "u", "v", "flood"]):
        if isinstance(held, Waiting):
            held.add([(number, unit(number, user), [number])], 1)
        else:
            held.add(number, unit(number, user), number)
    assert held.beyond(4) == []
    assert held.beyond(2) == [0, 2]
    assert held.beyond(1) == [0, 1, 2, 3]
    held.pop(2)
    assert held.beyond(2) == [0]
    for number in list(held):
        held.pop(number)
    assert held.beyond(0) == []


def test_a_place_names_so_many_texts_at_most() -> None:
    found = Beside()
    passed = [one for number in range(POSTINGS + 2) for one in found.add(number, unit(number), 70)]
    assert passed == [unit(0), unit(1)]
    assert len(found.under(70)) == len(found) == POSTINGS
