"""`{% record_figures %}`: figures and charts of the record on the admin's front page, for those who may see them."""

from typing import Any

from django import template

from audit import charts

register = template.Library()


@register.inclusion_tag("admin/audit/front.html", takes_context=True)
def record_figures(context: Any) -> dict[str, Any]:
    """Return the figures; nothing for who may not see them."""
    user = context["request"].user
    if not (user.has_perm("audit.view_summary") or user.has_perm("audit.view_conversation")):
        return {"shown": False}
    return {"shown": True, **charts.figures()}
