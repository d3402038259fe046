"""What lists of the admin have beside Django's: `{% list_about cl %}`, what stands in one and what it is for, in a sentence;
and `{% named_cells row heads %}`, a row whose cells say what they are where a narrow window leaves no place for heads."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

register = template.Library()

ABOUT = {
    "audit.conversation": _(
        "What people and programs asked, and what was answered. Who opens one states a purpose first."
    ),
    "audit.entry": _(
        "Everything that happened, in its order, each entry tied to the one before. Nothing here can be changed."
    ),
    "audit.checkpoint": _("Signed heads: from then on nothing before them can be changed unseen."),
    "audit.subject": _("The people on the record: what is kept of each can be handed out, and erased."),
    "audit.hold": _("What must not be erased until it is released, whatever retention or a person says."),
    "audit.retentionpolicy": _("How many days after its last question the words of a conversation are erased."),
    "audit.receipt": _("What was erased, when and why, signed."),
    "audit.rule": _(
        "What flags a turn: kinds of personal data, words, a cost. The built-in rules are in force without being here."
    ),
    "audit.flag": _("Turns that met a rule. Each leads to its conversation and the review of it."),
    "audit.savedfilter": _("Filters of the conversations, kept under a name."),
    "compression.candidate": _("What discovery proposes as templates. Accepted ones go into the next library."),
    "compression.template": _("Texts that answers share: only what differs goes over the wire."),
    "compression.library": _(
        "Versions of the templates and the dictionary. One is active; an older one can be made so again."
    ),
    "compression.discoveryrun": _("When answers were mined for templates, and what was found."),
    "routing_ai.budget": _(
        "What everybody, a user, a team or a key may spend a day. What is used up refuses, and is never passed."
    ),
    "routing_ai.tiermodel": _(
        "Which models answer in which tier, in their order. Without any here the settings say so."
    ),
    "routing_ai.spend": _("Each call of a model with its cost, and why that tier answered."),
    "routing_ai.apikey": _("Keys for programs. The secret is shown once, when a key is made."),
    "bridges.route": _("What goes from a topic or a broker to another one."),
    "bridges.outgoing": _("Messages that wait for a broker which cannot be reached."),
    "bridges.deadletter": _("Messages that could not be dealt with, and why. They can be tried again."),
    "bridges.position": _("How far each reader has come."),
    "streaming.datasetjob": _("Inputs of the datasets page and its endpoints, and how far their work is."),
    "auth.user": _("Accounts. Staff see this admin, as far as their groups allow."),
    "auth.group": _("Roles: reviewer, privacy officer, auditor and operator come with AURA."),
}


# What Django's pictures of yes, no and unknown say to who cannot see them, in English on every page.
MARKS = {"True": _("yes"), "False": _("no"), "None": _("unknown")}


@register.simple_tag
def list_about(cl: Any) -> str:
    """Return the sentence of a list, empty for one that has none."""
    return str(ABOUT.get(cl.opts.label_lower, ""))


def _told(cell: str) -> str:
    for value, words in MARKS.items():
        cell = cell.replace(f'.svg" alt="{value}">', f'.svg" alt="{words}">')
    return cell


@register.simple_tag
def named_cells(row: list[SafeString], heads: list[dict[str, Any]]) -> SafeString:
    """Return a row's cells, each `td` or `th` with its column's name in `data-label`; a mark to choose the row has none."""
    cells = []
    for place, cell in enumerate(map(_told, row)):
        begin, rest = mark_safe(cell[:3]), mark_safe(cell[3:])
        if begin not in ("<td", "<th") or place >= len(heads) or "action-checkbox" in rest[:40]:
            cells.append(mark_safe(cell))
        else:
            cells.append(format_html('{} data-label="{}"{}', begin, capfirst(str(heads[place]["text"])), rest))
    return mark_safe("".join(cells))
