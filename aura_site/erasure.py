"""What goes when a subject is erased from the record, beside it: sessions, keys, links, samples."""

from typing import Any

from django.contrib.sessions.models import Session
from django.dispatch import receiver

from audit.signals import erased
from aura_site import second_factor, services
from aura_site.models import OneTimePassword, SignInLink
from compression import samples
from routing_ai.models import ApiKey


@receiver(erased)
def forget(user: Any, name: str, **_said: Any) -> None:
    """Erase what the site keeps of a user whose account is gone."""
    if user is None:
        return
    samples.forget_user(user.pk)
    # Under the name that the account had.
    services.forget_attempts(name)
    if user.is_active:
        return
    ApiKey.objects.filter(user=user).delete()
    SignInLink.objects.filter(user=user).delete()
    second_factor.forget(user)
    OneTimePassword.objects.filter(user=user).delete()
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
