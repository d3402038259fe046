"""API keys: made, looked up, limited, revoked."""

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from routing_ai.errors import RateLimited
from routing_ai.models import ApiKey, Budget
from routing_ai.policy.rate import Bucket

CACHE_SECONDS = 10.0
CACHE_LIMIT = 10_000
LENGTH_LIMIT = 100

_known: dict[str, tuple[float, Any]] = {}
_buckets: dict[tuple[int, str], tuple[int, Bucket]] = {}


@dataclass(frozen=True, slots=True)
class Credential:
    """What a key allows. Empty scopes and models stand for all; limits are for a minute, None for none; `budget`: it has
    one of its own."""

    number: int
    scopes: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    requests: int | None = None
    tokens: int | None = None
    budget: bool = False

    @property
    def narrowed(self) -> bool:
        """Return whether the key is good for less than its user, and so for `/v1` alone, where that is looked at."""
        return bool(self.scopes or self.models or self.budget or self.requests is not None or self.tokens is not None)

    def may(self, scope: str) -> bool:
        """Return whether the key is good for that."""
        return not self.scopes or scope in self.scopes

    def may_ask(self, model: str) -> bool:
        """Return whether the key is good for a tier or a model, by the name that the request gives it."""
        return not self.models or (model or "auto") in self.models

    def admit(self, tokens: int) -> None:
        """Count a request that may use that many tokens. Raises RateLimited, and counts nothing then.

        Each process counts for itself.
        """
        now = time.monotonic()
        wanted = [(self._bucket("requests", self.requests, now), 1), (self._bucket("tokens", self.tokens, now), tokens)]
        wait = max((bucket.wait(amount, now) for bucket, amount in wanted if bucket is not None), default=0.0)
        if wait:
            raise RateLimited("This API key has used what it may in a minute.", retry_after=wait)
        for bucket, amount in wanted:
            if bucket is not None:
                bucket.take(amount, now)

    def used(self, estimated: int, real: int) -> None:
        """Put the tokens right that a request was counted at."""
        now = time.monotonic()
        bucket = self._bucket("tokens", self.tokens, now)
        if bucket is not None:
            bucket.take(real - estimated, now)

    def _bucket(self, name: str, limit: int | None, now: float) -> Bucket | None:
        if limit is None:
            return None
        known = _buckets.get((self.number, name))
        if known is None or known[0] != limit:
            if len(_buckets) >= CACHE_LIMIT:
                _buckets.clear()
            known = _buckets[self.number, name] = (limit, Bucket(limit, now))
        return known[1]


def create_key(user: Any, name: str, *, scopes: Iterable[str] = ()) -> tuple[ApiKey, str]:
    """Return a new key and its secret, which is shown once and kept nowhere."""
    key = ApiKey(user=user, name=name[:100], scopes=" ".join(scopes))
    return key, save_new(key)


def save_new(key: ApiKey) -> str:
    """Save a key that has no secret yet and return the one it is given."""
    secret = f"aura_{secrets.token_urlsafe(32)}"
    key.prefix, key.digest = secret[:10], _digest(secret)
    key.save()
    return secret


def revoke_key(key: ApiKey) -> None:
    """Let a key count no more; other processes notice within CACHE_SECONDS."""
    key.revoked = timezone.now()
    key.save(update_fields=["revoked"])
    _known.pop(key.digest, None)


async def verify_key(secret: str) -> Any | None:
    """Return the active user of a key, None for one that does not count. Remembered for CACHE_SECONDS.

    The user's attribute `credential` says what the key allows.
    """
    if not secret.startswith("aura_") or len(secret) > LENGTH_LIMIT:
        return None
    digest = _digest(secret)
    now = time.monotonic()
    known = _known.get(digest)
    if known is not None and known[0] > now:
        return known[1]
    user = await database_sync_to_async(_look_up, thread_sensitive=False)(digest)
    if user is not None:
        if len(_known) >= CACHE_LIMIT:
            _known.clear()
        _known[digest] = (now + CACHE_SECONDS, user)
    return user


def _look_up(digest: str) -> Any | None:
    key = ApiKey.objects.select_related("user").filter(digest=digest, revoked=None, user__is_active=True).first()
    if key is None:
        return None
    now = timezone.now()
    if key.last_used is None or (now - key.last_used).total_seconds() > 60:
        ApiKey.objects.filter(pk=key.pk).update(last_used=now)
    user: Any = key.user
    user.credential = _credential(key, Budget.objects.filter(api_key=key).exists())
    return user


def good_keys(numbers: Iterable[int]) -> set[int]:
    """Return which of these keys count for all that their user may: neither revoked nor narrowed. Asks the database."""
    keys = list(ApiKey.objects.filter(pk__in=list(numbers), revoked=None))
    budgets = set(Budget.objects.filter(api_key__in=keys).values_list("api_key", flat=True))
    return {key.pk for key in keys if not _credential(key, key.pk in budgets).narrowed}


def _credential(key: ApiKey, budget: bool) -> Credential:
    return Credential(
        key.pk,
        frozenset(key.scopes.split()),
        frozenset(key.models_allowed.split()),
        key.requests_a_minute,
        key.tokens_a_minute,
        budget,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
