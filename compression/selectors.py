"""Which library is in use, and libraries by their hash.

Both answers are kept in the process: libraries never change, and the active one is asked for again after REFRESH
seconds, so a promotion in any process is seen by all within two.
"""

import logging
import math
import re
import threading
import time
from functools import lru_cache
from typing import Final

from channels.db import database_sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError

from compression.codec import Library, LibraryError, default_library
from compression.codec.model import Model, default_dictionary
from compression.models import Dictionary
from compression.models import Library as LibraryRow

logger = logging.getLogger(__name__)

REFRESH: Final = 1.0
#: Libraries of this many versions are kept ready to use.
KEPT: Final = 8
#: Primed models are large: those of this many dictionaries are kept.
MODELS_KEPT: Final = 3


class _Active:
    """The active library as this process last saw it."""

    def __init__(self) -> None:
        self.library: Library | None = None
        self.asked = -math.inf
        self.asking = threading.Lock()

    @property
    def fresh(self) -> bool:
        return self.library is not None and time.monotonic() - self.asked < REFRESH


_active = _Active()
_models: dict[str, Model] = {}
_priming = threading.Lock()


def active_library() -> Library:
    """Return the library to code with: the active one, or the default library where none is.

    Costs nothing while the last answer is fresh. Never raises for a database that is away or a library that was
    tampered with: that is logged, and the last good answer stands. Inside an event loop, where the database may not
    be asked, the last answer is given too; there `active_library_async` is the one to await.
    """
    if _active.fresh:
        return _last_known()
    # While one thread asks, the others go on with the last answer, if there is one.
    if not _active.asking.acquire(blocking=_active.library is None):
        return _last_known()
    try:
        if not _active.fresh:
            _active.library = _read_active()
            _active.asked = time.monotonic()
    except SynchronousOnlyOperation:
        pass
    except (DatabaseError, LibraryError):
        logger.exception("The active library could not be read; going on with the last one known")
        _active.library = _last_known()
        _active.asked = time.monotonic()
    finally:
        _active.asking.release()
    return _last_known()


async def active_library_async() -> Library:
    """Return what `active_library` does, from asynchronous code: the database is asked in a thread."""
    if _active.fresh:
        return _last_known()
    library: Library = await database_sync_to_async(active_library, thread_sensitive=False)()
    return library


def library_by_hash(digest: str) -> Library | None:
    """Return the library of that hash (64 hexadecimal digits), or None.

    Only libraries that are or were active are found: a candidate has not been reviewed yet. Asks the database; from
    asynchronous code it goes to a thread.
    """
    if digest == default_library().hash:
        return default_library()
    if not _is_hash(digest) or not LibraryRow.objects.filter(hash=digest, promoted__isnull=False).exists():
        return None
    try:
        return _load(digest)
    except LibraryError:
        logger.exception("The library %s was changed in the database and is not used", digest)
        return None


def stored(digest: str) -> Library:
    """Return the library of that hash, reviewed or not, for its reviewers. Raises LibraryError when it was changed in the
    database."""
    return _load(digest)


def dictionary_by_hash(digest: str) -> bytes | None:
    """Return the dictionary of that hash, or None. Only those of libraries that are or were active are found."""
    if digest == default_library().dictionary:
        return default_dictionary()
    if not _is_hash(digest):
        return None
    if not LibraryRow.objects.filter(promoted__isnull=False, manifest__contains=digest).exists():
        return None
    content = Dictionary.objects.filter(hash=digest).values_list("content", flat=True).first()
    return bytes(content) if content is not None else None


def _is_hash(digest: str) -> bool:
    """Return whether that can be a hash at all: not everything can be looked for (PostgreSQL refuses a NUL byte)."""
    return re.fullmatch("[0-9a-f]{64}", digest) is not None


def model_by_hash(digest: str) -> Model | None:
    """Return the model primed with the dictionary of that hash, or None when there is no such dictionary.

    The first call for a hash takes seconds for each megabyte; from asynchronous code it goes to a thread.
    """
    with _priming:
        if digest not in _models:
            dictionary = dictionary_by_hash(digest)
            if dictionary is None:
                return None
            while len(_models) >= MODELS_KEPT:
                del _models[next(iter(_models))]
            # One instance for the event loop, one for the thread that codes long texts.
            _models[digest] = Model(dictionary, instances=2)
        return _models[digest]


async def model_by_hash_async(digest: str) -> Model | None:
    """Return what `model_by_hash` does, from asynchronous code."""
    known = _models.get(digest)
    if known is not None:
        return known
    model: Model | None = await database_sync_to_async(model_by_hash, thread_sensitive=False)(digest)
    return model


def forget() -> None:
    """Ask the database again at the next call: after a change, and between tests."""
    _active.asked = -math.inf


def _last_known() -> Library:
    return _active.library or default_library()


def _read_active() -> Library:
    digest = LibraryRow.objects.filter(status=LibraryRow.Status.ACTIVE).values_list("hash", flat=True).first()
    if digest is None or digest == default_library().hash:
        return default_library()
    return _load(digest)


@lru_cache(maxsize=KEPT)
def _load(digest: str) -> Library:
    library = LibraryRow.objects.get(hash=digest).value
    library.match("")  # Builds the index here, in a thread, not at the first message.
    return library
