"""Sealed content: AES-256-GCM under a key of its own for every entry, which comes from the key of its subject.

A body is `form | key id, 8 bytes | salt, 16 | commitment, 16 | ciphertext and tag`. The entry's key is derived from the
subject's key and the salt (NIST SP 800-56C rev. 2, one step, SHA-256). So one entry can be shown to somebody, with its key,
and nothing else with it; and as a key is used once, the nonce of GCM may be zero. The commitment binds the body to that one
key: GCM alone lets who knows two keys make a ciphertext that opens under both.

A body of form 02 is sealed to a place as well (GCM's associated data): it opens there and nowhere else. The place of an
entry is all that its hash covers (audit.records.chain.place_of), the hash before among it. So who can write to the database
but has no keys can put no entry there that opens: not by copying the body of another, and not by computing the chain anew.
A body of form 01 has no place: a title, a note, an entry of an earlier record.
"""

import hashlib
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT_SIZE = 16
KEY_SIZE = 32
NONCE_SIZE = 12
LOOSE, PLACED = 1, 2
_FORMS = (LOOSE, PLACED)
_HEAD = struct.Struct(">BQ16s16s")
_NONCE = bytes(NONCE_SIZE)
_sha256 = hashlib.sha256


class SealBroken(Exception):
    """The body was changed, or the key is another's."""


def entry_key(key: bytes, salt: bytes) -> bytes:
    """Return the 32 bytes that open one entry, from its subject's key (32 bytes) and its salt (16 bytes)."""
    return _sha256(b"\0\0\0\1" + key + b"aura.entry-key/1" + salt).digest()


def commitment(own: bytes) -> bytes:
    """Return the 16 bytes that bind a body to the key of its entry."""
    return _sha256(b"aura.commitment/1" + own).digest()[:16]


def seal(plain: bytes, key_id: int, key: bytes, salt: bytes, place: bytes = b"") -> bytes:
    """Return the body of `plain` under the subject's key; `salt` is 16 random bytes, never used twice."""
    own = entry_key(key, salt)
    form = PLACED if place else LOOSE
    return _HEAD.pack(form, key_id, salt, commitment(own)) + AESGCM(own).encrypt(_NONCE, plain, place)


def unseal(body: bytes, key: bytes, place: bytes = b"") -> bytes:
    """Return what `seal` was given. Raises SealBroken."""
    # The body of `entry_key`: a call for each of a million entries costs.
    return unseal_one(body, _sha256(b"\0\0\0\1" + key + b"aura.entry-key/1" + body[9:25]).digest(), place)


def unseal_one(body: bytes, own: bytes, place: bytes = b"") -> bytes:
    """Return what `seal` was given, opened with the key of that one entry. Raises SealBroken."""
    if key_of(body) < 0 or body[25:41] != _sha256(b"aura.commitment/1" + own).digest()[:16]:
        raise SealBroken("it is sealed under another key")
    try:
        return AESGCM(own).decrypt(_NONCE, body[41:], place if body[0] == PLACED else b"")
    except InvalidTag:
        raise SealBroken("it was changed, or belongs elsewhere") from None


def key_of(body: bytes) -> int:
    """Return the id of the key that a body is sealed under, -1 when it is no body."""
    return int.from_bytes(body[1:9], "big") if len(body) > 41 and body[0] in _FORMS else -1


def salt_of(body: bytes) -> bytes:
    """Return the salt of a body."""
    return body[9:25]


def content_hash(body: bytes) -> bytes:
    """Return the 32 bytes that stand for a body in the ledger."""
    return _sha256(b"aura.content/2\0" + body).digest()


def wrap(secret: bytes, master: bytes, nonce: bytes, about: bytes) -> bytes:
    """Return a key sealed under the master key; `about` names what it belongs to, `nonce` is 12 random bytes."""
    return nonce + AESGCM(master).encrypt(nonce, secret, about)


def unwrap(wrapped: bytes, master: bytes, about: bytes) -> bytes:
    """Return what `wrap` was given. Raises SealBroken."""
    try:
        return AESGCM(master).decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], about)
    except (InvalidTag, ValueError):
        raise SealBroken("this key was wrapped by another master key, or changed") from None
