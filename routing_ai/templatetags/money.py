"""`{{ amount|dollars }}`: US dollars for people."""

from decimal import Decimal

from django import template

from routing_ai.policy.prices import told

register = template.Library()


@register.filter
def dollars(amount: Decimal) -> str:
    """Return an amount with as many digits as say something."""
    return told(amount)
