"""API keys: made, looked up, revoked."""

import hashlib
import secrets
import time
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from routing_ai.models import ApiKey

CACHE_SECONDS = 10.0
CACHE_LIMIT = 10_000
LENGTH_LIMIT = 100

_known: dict[str, tuple[float, Any]] = {}


def create_key(user: Any, name: str) -> tuple[ApiKey, str]:
    """Return a new key and its secret, which is shown once and kept nowhere."""
    secret = f"aura_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(user=user, name=name[:100], prefix=secret[:10], digest=_digest(secret))
    return key, secret


def revoke_key(key: ApiKey) -> None:
    """Let a key count no more; other processes notice within CACHE_SECONDS."""
    key.revoked = timezone.now()
    key.save(update_fields=["revoked"])
    _known.pop(key.digest, None)


async def verify_key(secret: str) -> Any | None:
    """Return the active user of a key, None for one that does not count. Remembered for CACHE_SECONDS."""
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
    return key.user


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
