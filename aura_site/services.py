"""Accounts at first start, sign-in links, heartbeats."""

import hashlib
import secrets
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from aura_site.models import Heartbeat, OneTimePassword, SignInLink, TaskCount

LINK_LIFE = timedelta(hours=1)
FIRST_ADMIN = "admin"
# Wrong passwords from one address in AXES_COOLOFF_TIME: an office behind one address has more people than one has tries.
ADDRESS_LIMIT = 64


def record_heartbeat(name: str) -> None:
    """Write down that the part of that name lives now."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def count_task(name: str, seconds: float, *, well: bool) -> None:
    """Count a task of the worker that has ended."""
    TaskCount.objects.get_or_create(name=name)
    which = "succeeded" if well else "failed"
    TaskCount.objects.filter(name=name).update(
        **{which: F(which) + 1}, seconds=F("seconds") + seconds, at=timezone.now()
    )


def create_first_admin() -> tuple[Any, str] | None:
    """Return the first administrator and a one-time password; None when there are users already."""
    users = get_user_model()._default_manager
    with transaction.atomic():
        if users.exists():
            return None
        password = secrets.token_urlsafe(12)
        user = users.create_superuser(FIRST_ADMIN, password=password)
        OneTimePassword.objects.create(user=user)
    return user, password


def create_sign_in_link(user: Any) -> str:
    """Return the path of a link that signs the user in once, within LINK_LIFE. Older links of the user end."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.filter(user=user, used=None).delete()
    SignInLink.objects.create(digest=_digest(token), user=user, expires=timezone.now() + LINK_LIFE)
    return reverse("sign-in-link", args=[token])


def use_sign_in_link(token: str) -> Any | None:
    """Return the user of a link and end it; None when it was used, has expired or never was."""
    now = timezone.now()
    fresh = SignInLink.objects.filter(digest=_digest(token), used=None, expires__gt=now)
    # The update decides who comes first when a link is opened twice at once.
    if fresh.update(used=now) != 1:
        return None
    link = SignInLink.objects.select_related("user").get(digest=_digest(token))
    return link.user if link.user.is_active else None


def address_of(request: HttpRequest) -> str | None:
    """Return whom wrong passwords count against: the caller's address, of IPv6 the network of 64 bits that one line has."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False).network_address)


def guesses_too_much(request: HttpRequest) -> bool:
    """Return whether so many wrong passwords came from the caller's address of late, for whatever names, that none is
    looked at any more: so nobody tries a common one on all names, or has this machine do nothing but hash them.

    This machine's own address is that of everybody when a proxy on it says nothing of callers, so it has no such limit.
    """
    address = address_of(request)
    if address is None or ip_address(address).is_loopback:
        return False
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    recent = AccessAttempt.objects.filter(ip_address=address, attempt_time__gte=since)
    return int(recent.aggregate(wrong=Sum("failures_since_start"))["wrong"] or 0) >= ADDRESS_LIMIT


def forget_attempts(name: str | None = None) -> None:
    """Forget wrong passwords (names, addresses) that no longer count, or all for a name."""
    attempts = AccessAttempt.objects.all()
    if name is None:
        attempts = attempts.filter(attempt_time__lt=timezone.now() - settings.AXES_COOLOFF_TIME)
    else:
        attempts = attempts.filter(username=name)
    attempts.delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
