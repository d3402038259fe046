"""What the page at /privacy/ says of this installation: how long words are kept, and which models are given them."""

from typing import Any

from audit.models import RetentionPolicy
from routing_ai import catalogue, leaving


def facts() -> dict[str, Any]:
    """Return the retention policies in force and the models of the tiers, each once."""
    policies = RetentionPolicy.objects.filter(enabled=True).select_related("group")
    return {
        "retention": [{"days": one.days, "group": one.group.name if one.group else ""} for one in policies],
        "models": [
            {
                "name": model,
                "provider": provider,
                "local": provider in catalogue.OWN,
                "redacted": leaving.is_redacted_for(provider),
            }
            for provider, model in dict.fromkeys(spec.name for spec in catalogue.specs())
        ],
    }
