"""The second factor of staff (AURA_MULTI_FACTOR): time-based one-time codes (RFC 6238), and recovery codes for a lost phone.

Nobody is signed in between the password and the code: the session only notes whose password was right, for a few minutes. So
every way in (pages, WebSocket, events) sees a stranger until both were given.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest
from django_otp import DEVICE_ID_SESSION_KEY, match_token, user_has_device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.access import log_access

# Seconds in which the code has to follow the password.
PATIENCE = 600
RECOVERY_CODES = 10
_SLOT = "second_factor"


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody whose password was right, and where they wanted to go."""

    user: Any
    destination: str


def needed(user: Any) -> bool:
    """Return whether a user has to give a code."""
    return bool(settings.AURA_MULTI_FACTOR and user.is_staff)


def begin(request: HttpRequest, user: Any, destination: str) -> None:
    """Note in the session that the user's password, or link, was right."""
    request.session.cycle_key()
    request.session[_SLOT] = {"user": user.pk, "until": time.time() + PATIENCE, "to": destination}


def late(request: HttpRequest) -> bool:
    """Return whether the password was right, but so long ago that it has to be given again."""
    return _SLOT in request.session


def pending(request: HttpRequest) -> Pending | None:
    """Return who is to give a code in this session; None when nobody is, or it took too long."""
    noted = request.session.get(_SLOT)
    if not noted or noted["until"] < time.time():
        return None
    user = get_user_model()._default_manager.filter(pk=noted["user"], is_active=True).first()
    return Pending(user, noted["to"]) if user is not None else None


def over(request: HttpRequest) -> None:
    """Forget what `begin` noted."""
    request.session.pop(_SLOT, None)


def given(request: HttpRequest) -> bool:
    """Return whether the one who asks signed in with a second factor. A key is none, whatever cookie came with it."""
    by_key = "Authorization" in request.headers
    return bool(needed(request.user) and request.session.get(DEVICE_ID_SESSION_KEY) and not by_key)


def enrolled(user: Any) -> bool:
    """Return whether the user has a phone or recovery codes that count."""
    return bool(user_has_device(user))


def check(user: Any, code: str) -> Any | None:
    """Return the device that gave this code, None when none did. A code counts once; after a wrong one the next waits."""
    return match_token(user, code)


def check_app(user: Any, code: str, *, confirmed: bool = True) -> bool:
    """Return whether the user's app gave this code, not a recovery code. It counts, and the next waits, as by `check`. One
    that is not `confirmed` waits for its first code."""
    with transaction.atomic():
        apps = TOTPDevice.objects.devices_for_user(user, confirmed=confirmed).select_for_update()
        return any(app.verify_token(code) for app in apps)


def draft(user: Any) -> TOTPDevice:
    """Return the user's device that waits for its first code; made when there is none."""
    device, _made = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "phone"})
    return device


def picture(device: TOTPDevice) -> str:
    """Return what a phone scans, as SVG without styles or scripts."""
    # Loaded by whoever sets up a second factor, which is seldom.
    import segno

    return str(segno.make(device.config_url, error="m").svg_inline(scale=5, dark="#000", light="#fff"))


def confirm(device: TOTPDevice, code: str) -> list[str] | None:
    """Put it on the record that a user sets up a second factor, let the device count, and return fresh recovery codes; None
    for a wrong code. Raises RecordUnavailable, and then the device does not count yet."""
    if not check_app(device.user, code, confirmed=False):
        return None
    log_access(device.user.get_username(), "set up", "second factor")
    with transaction.atomic():
        device.confirmed = True
        # What the code changed is not known here.
        device.save(update_fields=["confirmed"])
        return _fresh_codes(device.user)


def codes_left(user: Any) -> int:
    """Return how many recovery codes of a user were not used yet."""
    return StaticToken.objects.filter(device__user=user, device__confirmed=True).count()


def renew(user: Any) -> list[str]:
    """Put it on the record that a user takes new recovery codes, and return them; the old ones stop to count at once. Raises
    RecordUnavailable, and then they count on."""
    log_access(user.get_username(), "renewed", "recovery codes")
    return _fresh_codes(user)


@transaction.atomic
def _fresh_codes(user: Any) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    recovery = StaticDevice.objects.create(user=user, name="recovery")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    recovery.token_set.bulk_create([StaticToken(device=recovery, token=code) for code in codes])
    return codes


def reset(user: Any, by: str) -> int:
    """Put it on the record who takes the second factor of a user away, and do so: the next sign-in sets up a new one. Return
    how many devices there were. Raises RecordUnavailable, and then they count on."""
    # Not by a name: what the record itself says is not erased with anybody.
    log_access(by, "taken away", "second factor", account=user.pk)
    return forget(user)


def forget(user: Any) -> int:
    """Delete all devices of a user, and return how many there were."""
    gone = TOTPDevice.objects.filter(user=user).delete()[0]
    return int(gone) + int(StaticDevice.objects.filter(user=user).delete()[1].get("otp_static.StaticDevice", 0))
