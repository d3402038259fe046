"""Whether those who hold a line still may: accounts, browser sessions and API keys end while lines are open."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone

from routing_ai import services as routing

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
    for some in _parts({one.user_id for one in held}):
        users = get_user_model()._default_manager.filter(pk__in=some, is_active=True)
        proofs |= {user.pk: user.get_session_auth_hash() for user in users}
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


def _parts(names: Iterable[_One]) -> Iterator[Sequence[_One]]:
    rest = iter(names)
    while part := list(islice(rest, AT_ONCE)):
        yield part
