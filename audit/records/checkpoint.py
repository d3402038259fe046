"""Signed tree heads, as the checkpoints of transparency logs (C2SP tlog-checkpoint, C2SP signed-note).

    origin
    size
    root, base64
    time=MICROSECONDS

    — name base64(key hash, 4 bytes | Ed25519 signature, 64 bytes)

The signature covers everything above the empty line, with its line breaks.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "aura"
ORIGIN = "aura/record"
_DASH = "— "


class BadCheckpoint(Exception):
    """This is no checkpoint, or nobody that is trusted signed it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first `size` entries have this root; `at` is in microseconds since the Unix epoch."""

    size: int
    root: bytes
    at: int


class Signer:
    """Signs heads and documents with an Ed25519 key made from 32 secret bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def head(self, head: Head) -> str:
        """Return the checkpoint of a head."""
        body = f"{ORIGIN}\n{head.size}\n{base64.b64encode(head.root).decode()}\ntime={head.at}\n"
        return self.note(body)

    def note(self, body: str) -> str:
        """Return a text that ends in a line break, with its signature below."""
        signed = key_hash(self.public) + self._key.sign(body.encode())
        return f"{body}\n{_DASH}{NAME} {base64.b64encode(signed).decode()}\n"


def key_hash(public: bytes) -> bytes:
    """Return the 4 bytes that name a public key in a signature."""
    return hashlib.sha256(NAME.encode() + b"\n\1" + public).digest()[:4]


def verifier_key(public: bytes) -> str:
    """Return the public key as one line: `aura+HASH+BASE64`."""
    return f"{NAME}+{key_hash(public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


def read_verifier_key(text: str) -> bytes:
    """Return the 32 bytes of a public key in that form. Raises BadCheckpoint."""
    try:
        name, hashed, encoded = text.strip().split("+", 2)
        data = _decoded(encoded)
    except ValueError:
        raise BadCheckpoint("this is no public key of a record") from None
    if name != NAME or data[:1] != b"\1" or len(data) != 33 or key_hash(data[1:]).hex() != hashed:
        raise BadCheckpoint("this is no public key of a record")
    return data[1:]


def check_note(note: str, trusted: list[bytes]) -> str:
    """Return the text of a note that one of the trusted public keys signed. Raises BadCheckpoint."""
    body, found, signatures = note.rpartition("\n\n")
    if not found:
        raise BadCheckpoint("it has no signature")
    body += "\n"
    if not signatures.endswith("\n"):
        raise BadCheckpoint("its last line has no end")
    for line in signatures[:-1].split("\n"):
        if not line.startswith(_DASH):
            raise BadCheckpoint("it has a line that is no signature")
        try:
            signed = _decoded(line[len(_DASH) :].partition(" ")[2])
        except ValueError:
            continue
        for public in trusted:
            if signed[:4] == key_hash(public) and line.startswith(f"{_DASH}{NAME} "):
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], body.encode())
                except InvalidSignature:
                    continue
                return body
    raise BadCheckpoint("no trusted key signed it")


def read_head(note: str, trusted: list[bytes]) -> Head:
    """Return the head that a checkpoint states. Raises BadCheckpoint."""
    lines = check_note(note, trusted).split("\n")
    try:
        origin, size, root, at, end = lines
        name, _, value = at.partition("=")
        head = Head(int(size), _decoded(root), int(value))
    except ValueError:
        raise BadCheckpoint("this is no head of a record") from None
    if origin != ORIGIN or name != "time" or end or head.size < 0 or len(head.root) != 32 or str(head.size) != size:
        raise BadCheckpoint("this is no head of a record")
    return head


def _decoded(text: str) -> bytes:
    """Return what a text is the base64 of. Raises ValueError, also where bits behind the end are set (RFC 4648, 3.5):
    a note has one form only."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("this is not the base64 of any bytes")
    return data
