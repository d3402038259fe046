"""Signing in, with a brake on guessing."""

import hashlib
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

ATTEMPTS = 8
WINDOW = 300  # seconds


class SignInForm(AuthenticationForm):
    """Refuses further attempts for a name from an address after ATTEMPTS failures within WINDOW."""

    def clean(self) -> dict[str, Any]:
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        name = str(self.cleaned_data.get("username", ""))
        slot = "sign-in:" + hashlib.sha256(f"{address}\0{name}".encode()).hexdigest()
        if cache.get(slot, 0) >= ATTEMPTS:
            raise ValidationError(_("Too many attempts: wait five minutes."))
        try:
            cleaned = super().clean()
        except ValidationError:
            cache.add(slot, 0, WINDOW)
            cache.incr(slot)
            raise
        cache.delete(slot)
        return cleaned
