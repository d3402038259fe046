"""The vault: a key per subject, wrapped by the master key; the signer of the record's heads.

Keys come from the settings AUDIT_MASTER_KEY and AUDIT_SIGNING_KEY, or from the files named by AUDIT_MASTER_KEY_FILE and
AUDIT_SIGNING_KEY_FILE. Each holds one secret a line (or several with blanks between); the first is the present one, what
follows are older ones that still count for reading.
"""

import hashlib
import os
import threading
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from audit.models import Key, Subject, VaultState
from audit.records.checkpoint import Signer, verifier_key
from audit.records.sealing import KEY_SIZE, NONCE_SIZE, SALT_SIZE, SealBroken, key_of, seal, unseal, unwrap, wrap

# The subject that stands for the record itself: its events are sealed under its key, which is never destroyed.
RECORD = uuid.UUID(int=0xA0)
CONTENT, SEARCH = "content", "search"
# Keys and names kept in memory at once, for each of the two.
REMEMBERED = 10_000
_SHORTEST = 32


@dataclass(frozen=True, slots=True)
class Master:
    """A master key, with the id by which the rows it wrapped name it."""

    name: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Owner:
    """A subject as the journal needs it: its pseudonym, and the key that seals what comes next."""

    subject: uuid.UUID
    key_id: int
    key: bytes


def masters() -> list[Master]:
    """Return the master keys, the present one first. Raises ImproperlyConfigured for one that is too short."""
    found = []
    for text in _secrets(settings.AUDIT_MASTER_KEY, settings.AUDIT_MASTER_KEY_FILE):
        secret = hashlib.sha256(b"aura.master/1\0" + text.encode()).digest()
        found.append(Master(hashlib.sha256(b"aura.master-id/1\0" + secret).hexdigest()[:16], secret))
    return found


def signers() -> list[Signer]:
    """Return the signers of heads, the present one first; older ones only count for checking."""
    found = _secrets(settings.AUDIT_SIGNING_KEY, settings.AUDIT_SIGNING_KEY_FILE)
    return [_signer(text) for text in found]


def public_keys() -> list[str]:
    """Return the public keys that check the record's signatures, one line each, the present one first."""
    return [verifier_key(signer.public) for signer in signers()]


@cache
def _signer(text: str) -> Signer:
    return Signer(hashlib.sha256(b"aura.signing/1\0" + text.encode()).digest())


def _secrets(given: str, file: Path) -> list[str]:
    texts = (given or Path(file).read_text()).split()
    if not texts or min(map(len, texts)) < _SHORTEST:
        raise ImproperlyConfigured(
            f"A key of the record has at least {_SHORTEST} characters: see AURA_RECORD_KEY and AURA_SIGNING_KEY."
        )
    return texts


class Vault:
    """The keys that this process knows, read from the database when they are needed.

    `refresh` forgets them all when another process destroyed, renamed or rotated some since.
    """

    def __init__(self, alias: str = "default") -> None:
        self._alias = alias
        self._lock = threading.Lock()
        self._version = -1
        self._keys: dict[int, bytes] = {}
        self._owners: dict[str, Owner] = {}

    def forget(self) -> None:
        """Drop all keys from memory."""
        with self._lock:
            self._version = -1
            self._keys.clear()
            self._owners.clear()

    def refresh(self, version: int) -> None:
        """Drop all keys from memory when that of the vault in the database is another version than at the last call."""
        if version != self._version:
            self.forget()
        self._version = version

    def key(self, key_id: int) -> bytes | None:
        """Return the key of that id; None when it was destroyed or never was. Raises SealBroken for one that is not
        wrapped by a master key at hand."""
        found = self._keys.get(key_id)
        if found is not None:
            return found
        row = Key.objects.using(self._alias).filter(pk=key_id).first()
        if row is None:
            return None
        found = _unwrap(row)
        with self._lock:
            if len(self._keys) >= REMEMBERED:
                self._keys.clear()
            self._keys[key_id] = found
        return found

    def known(self, name: str) -> Owner | None:
        """Return the owner of that name when it is in memory."""
        return self._owners.get(name)

    def find(self, name: str) -> Owner | None:
        """Return the owner of that name from memory or from the database; None when there is none yet."""
        found = self._owners.get(name)
        if found is None:
            row = Subject.objects.using(self._alias).filter(name=name).first()
            found = self.owner(row) if row is not None else None
            if found is not None:
                with self._lock:
                    if len(self._owners) >= REMEMBERED:
                        self._owners.clear()
                    self._owners[name] = found
        return found

    def owner(self, subject: Subject, purpose: str = CONTENT) -> Owner | None:
        """Return a subject with its newest key; None when its keys are destroyed."""
        newest = Key.objects.using(self._alias).filter(subject=subject, purpose=purpose).order_by("-pk").first()
        if newest is None:
            return None
        key = self.key(newest.pk)
        return Owner(subject.pk, newest.pk, key) if key is not None else None

    def open(self, body: bytes, place: bytes = b"") -> bytes | None:
        """Return what a body holds, sealed to a place or to none; None when its key is destroyed. Raises SealBroken."""
        key = self.key(key_of(body))
        return unseal(body, key, place) if key is not None else None


def new_subject(name: str) -> tuple[Subject, list[Key]]:
    """Return a subject of that name and its keys, not saved. The name `aura` is the record itself."""
    if name == "aura":
        subject = Subject(pk=RECORD, name=name)
        return subject, [new_key(subject, CONTENT), new_key(subject, SEARCH)]
    users = get_user_model()
    user = users._default_manager.filter(**{users.USERNAME_FIELD: name}).first()
    subject = Subject(pk=uuid.uuid4(), name=name, user=user)
    return subject, [new_key(subject, CONTENT)]


def new_key(subject: Subject, purpose: str) -> Key:
    """Return a fresh key of a subject, wrapped by the present master key; not saved."""
    key = Key(subject=subject, purpose=purpose)
    rewrap(key, os.urandom(KEY_SIZE), masters()[0])
    return key


def rewrap(key: Key, secret: bytes, master: Master) -> None:
    """Wrap a key's secret by a master key; does not save."""
    key.master = master.name
    key.wrapped = wrap(secret, master.secret, os.urandom(NONCE_SIZE), _about(key))


def secret_of(key: Key) -> bytes:
    """Return the secret of a key. Raises SealBroken."""
    return _unwrap(key)


def check() -> None:
    """Raise SealBroken when the record's own keys cannot be opened, without which nothing can be written or read."""
    for key in Key.objects.filter(subject=RECORD):
        _unwrap(key)


def _unwrap(key: Key) -> bytes:
    for master in masters():
        if master.name == key.master:
            return unwrap(bytes(key.wrapped), master.secret, _about(key))
    raise SealBroken(
        f"key {key.pk} is wrapped by the master key {key.master}, which is not at hand: add it to AURA_RECORD_KEY"
    )


def _about(key: Key) -> bytes:
    return bytes(key.subject_id.bytes + key.purpose.encode())


def seal_text(text: str, owner: Owner) -> bytes:
    """Return a short text sealed for a column of a table; empty for an empty one."""
    return seal(text.encode(), owner.key_id, owner.key, os.urandom(SALT_SIZE)) if text else b""


def bump() -> VaultState:
    """Return the state of the vault with the next version, not saved: whoever saves it makes every process forget."""
    state = VaultState.objects.first() or VaultState(pk=1, version=0)
    state.version += 1
    return state


_vault = Vault()


def vault() -> Vault:
    """Return the vault of this process."""
    return _vault
