"""Whether those who hold a line still may: accounts, browser sessions and API keys end while lines are open."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone

from routing_ai import services as routing
from streaming import database

log = logging.getLogger(__name__)

# Seconds between two looks at who may still hold a line.
RECHECK = 5.0
# Names in one query.
AT_ONCE = 500

_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class Standing:
    """By what somebody was let in: the account, and the browser's session (`proof` changes with the password) or the number
    of an API key."""

    user_id: int
    session: str = ""
    proof: str = ""
    key: int | None = None

    @classmethod
    def of(cls, user: Any) -> "Standing":
        """Return the standing of a user that `streaming.identity` let in."""
        credential = getattr(user, "credential", None)
        if credential is not None:
            return cls(user.pk, key=credential.number)
        session = getattr(user, "session_key", None) or ""
        return cls(user.pk, session, user.get_session_auth_hash() if session else "")


def ended(held: Collection[Standing]) -> set[Standing]:
    """Return those that count no more: signed out, expired, revoked or narrowed, deactivated, with another password.

    A few queries for each AT_ONCE of them: call it in a thread.
    """
    proofs: dict[int, str] = {}
    by_session = {one.user_id for one in held if one.session}
    for some in _parts({one.user_id for one in held}):
        users = get_user_model()._default_manager.filter(pk__in=some, is_active=True)
        proofs |= {user.pk: user.get_session_auth_hash() if user.pk in by_session else "" for user in users}
    sessions: set[str] = set()
    for names in _parts({one.session for one in held if one.session}):
        live = Session.objects.filter(session_key__in=names, expire_date__gt=timezone.now())
        sessions.update(live.values_list("session_key", flat=True))
    keys: set[int] = set()
    for numbers in _parts({one.key for one in held if one.key is not None}):
        keys |= routing.good_keys(numbers)

    def stands(one: Standing) -> bool:
        if one.user_id not in proofs or (one.key is not None and one.key not in keys):
            return False
        return not one.session or (one.session in sessions and one.proof == proofs[one.user_id])

    return {one for one in held if not stands(one)}


class Watch:
    """Looks every RECHECK seconds whether those who hold lines in this process may still, whichever process ended that."""

    def __init__(self) -> None:
        self._held: dict[object, tuple[Standing, Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def hold(self, line: object, standing: Standing, ends: Callable[[], None]) -> None:
        """Call `ends` once when the holder of a line may hold it no more, unless it is released before."""
        self._held[line] = standing, ends
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def release(self, line: object) -> None:
        """Forget a line."""
        self._held.pop(line, None)

    async def _run(self) -> None:
        while self._held:
            await asyncio.sleep(RECHECK)
            try:
                gone = await database.visit(ended, {standing for standing, _ in self._held.values()})
            except DatabaseError as error:
                log.warning("who may still hold a line cannot be looked up: %s", error)
                continue
            for line, (standing, ends) in list(self._held.items()):
                if standing in gone:
                    self.release(line)
                    ends()


watch = Watch()


def _parts(names: Iterable[_One]) -> Iterator[Sequence[_One]]:
    rest = iter(names)
    while part := list(islice(rest, AT_ONCE)):
        yield part
