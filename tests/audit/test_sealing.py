"""Seals: what goes in comes out, and nothing else opens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records.sealing import (
    LOOSE,
    SealBroken,
    content_hash,
    entry_key,
    key_of,
    salt_of,
    seal,
    unseal,
    unseal_one,
    unwrap,
    wrap,
)  # fmt: skip

KEY, OTHER, SALT = bytes(range(32)), bytes(32), bytes(range(16))


@given(st.binary(max_size=300), st.integers(0, 2**64 - 1), st.binary(min_size=16, max_size=16))
def test_a_body_opens_with_its_subjects_key_or_with_its_own(plain: bytes, key_id: int, salt: bytes) -> None:
    body = seal(plain, key_id, KEY, salt)
    assert unseal(body, KEY) == plain
    assert unseal_one(body, entry_key(KEY, salt_of(body))) == plain
    assert key_of(body) == key_id
    assert plain not in body[41:] or len(plain) < 8


def test_the_key_of_one_entry_opens_no_other() -> None:
    first, second = seal(b"one", 1, KEY, SALT), seal(b"two", 1, KEY, bytes(16))
    with pytest.raises(SealBroken):
        unseal_one(second, entry_key(KEY, salt_of(first)))
    with pytest.raises(SealBroken):
        unseal(first, OTHER)


def test_a_body_that_is_sealed_to_a_place_opens_there_only() -> None:
    body = seal(b"one", 1, KEY, SALT, b"here")
    assert unseal(body, KEY, b"here") == b"one"
    loose = bytes([LOOSE]) + body[1:]
    for spoilt, place in ((body, b"there"), (body, b""), (loose, b"here"), (loose, b"")):
        with pytest.raises(SealBroken):
            unseal(spoilt, KEY, place)
    # What has no place opens anywhere.
    assert unseal(seal(b"one", 1, KEY, SALT), KEY, b"there") == b"one"


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_changed_byte_is_found_by_the_seal_or_by_the_hash(place: int, change: int) -> None:
    body = seal(b"some text", 1, KEY, SALT)
    place %= len(body)
    changed = body[:place] + bytes([body[place] ^ change]) + body[place + 1 :]
    assert content_hash(changed) != content_hash(body)
    if not 1 <= place < 9:
        with pytest.raises(SealBroken):
            unseal(changed, KEY)


@given(st.binary(max_size=100))
def test_any_bytes_may_come(data: bytes) -> None:
    with pytest.raises(SealBroken):
        unseal(data, KEY)
    assert key_of(data) >= -1
    with pytest.raises(SealBroken):
        unwrap(data, KEY, b"")


def test_a_wrapped_key_opens_with_its_master_and_its_owner_only() -> None:
    wrapped = wrap(KEY, OTHER, bytes(12), b"ada")
    assert unwrap(wrapped, OTHER, b"ada") == KEY
    for master, about in ((KEY, b"ada"), (OTHER, b"eve")):
        with pytest.raises(SealBroken):
            unwrap(wrapped, master, about)
