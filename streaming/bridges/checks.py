"""System checks of the bridges, run by every management command and before a server starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from streaming.bridges import brokers
from streaming.bridges.errors import BadAddress


@register()
def brokers_can_be_spoken_to(**_kwargs: Any) -> list[CheckMessage]:
    """Return `bridges.E001` for every broker of AURA_BROKERS whose address makes no sense or whose client is missing."""
    found: list[CheckMessage] = []
    for name in settings.AURA_BROKERS:
        try:
            brokers.bridge(name)
        except BadAddress as error:
            found.append(Error(f"AURA_BROKERS, {name}: {error}", id="bridges.E001"))
    return found
