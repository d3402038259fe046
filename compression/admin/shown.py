"""How templates, their slots and their worth are drawn in the admin."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compression import codec
from compression.codec.forms import DIGIT
from compression.discovery import SlotKind, slot_kind
from compression.models import Measured
from compression.visible import visible

#: Forms of a slot that are listed; of more it is said how many there are.
FORMS: Final = 24

KINDS: Final = {
    SlotKind.NUMBER: gettext_lazy("number"),
    SlotKind.DATE: gettext_lazy("date or time"),
    SlotKind.AMOUNT: gettext_lazy("amount"),
    SlotKind.ID: gettext_lazy("identifier"),
    SlotKind.NAME: gettext_lazy("name"),
    SlotKind.LIST: gettext_lazy("one of few"),
    SlotKind.TEXT: gettext_lazy("free text"),
}


def shown(template: codec.Template, values: Sequence[str] | None = None) -> SafeString:
    """Return the template's parts with its slots, or what stands in them, set apart: `Hello, [0]!`."""
    first, *rest = template.parts
    names = values if values is not None else [f"{{{number}}}" for number in range(len(rest))]
    marked = ((number, visible(name) or "∅", visible(part)) for number, (name, part) in enumerate(zip(names, rest)))  # noqa: B905
    mark = '<mark data-slot="{}">{}</mark>{}' if values is not None else "<mark>{1}</mark>{2}"
    slots = format_html_join("", mark, marked)
    return format_html('<bdi dir="auto" class="aura-template">{}{}</bdi>', visible(first), slots)


def table(name: Any, heads: Iterable[Any], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Return a table, called so, that scrolls by itself where the window is narrow."""
    head = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in heads))
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((c,) for c in r)),) for r in rows)
    )
    inner = format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
    return format_html('<div class="aura-scroll" tabindex="0" role="group" aria-label="{}">{}</div>', name, inner)


def slot_table(kinds: Sequence[str], forms: Sequence[Sequence[str] | None]) -> SafeString:
    """Return each slot with the kind of what stands in it, and the forms that this has; `-` without slots."""
    count = max(len(kinds), len(forms))
    if not count:
        return SafeString("-")
    rows = []
    for number in range(count):
        kind = KINDS[SlotKind(kinds[number])] if number < len(kinds) else "-"
        rows.append(
            (format_html("<mark>{}</mark>", f"{{{number}}}"), kind, form_list(forms[number] if forms else None))
        )
    return table(_("slots"), (_("slot"), _("kind"), _("usual values, one byte each and their digits")), rows)


def form_list(forms: Sequence[str] | None) -> SafeString:
    """Return the forms of a slot by what they look like: words of a list, then numbers, dates, amounts, identifiers."""
    if not forms:
        return format_html('<span class="aura-quiet">{}</span>', _("none: any text, as it is"))
    groups: dict[str, list[str]] = {}
    for text in forms:
        kind = slot_kind([text.replace(DIGIT, "0")]) if DIGIT in text else SlotKind.LIST
        # A form with digits left open of which nothing else can be told is an identifier.
        name = _("words") if kind is SlotKind.LIST else KINDS[kind if kind is not SlotKind.TEXT else SlotKind.ID]
        groups.setdefault(str(name), []).append(text)
    lines = []
    for name, texts in groups.items():
        signs = format_html_join(" ", '<code dir="auto">{}</code>', ((visible(text),) for text in texts[:FORMS]))
        more = len(texts) - FORMS
        rest = ngettext("and %d more", "and %d more", more) % more if more > 0 else ""
        lines.append((name, signs, rest))
    return format_html('<ul class="aura-forms">{}</ul>', format_html_join("", "<li>{}: {} {}</li>", lines))


def worth(measured: Measured) -> SafeString:
    """Return by what a template earns its place, with the figure that says so, for a cell of a list."""
    if not measured.worth or measured.gain is None:
        return format_html('<span class="aura-quiet">{}</span>', _("not measured yet"))
    return format_html(
        '<span class="aura-worth" data-worth="{}">{}</span><br><span class="aura-quiet">{}</span>',
        measured.worth,
        measured.get_worth_display(),
        {
            Measured.Worth.BYTES: _gain(measured),
            Measured.Worth.SPEED: _speed(measured),
            Measured.Worth.MEANING: _meaning(measured),
            Measured.Worth.NONE: _("the model codes each message in fewer bytes"),
        }[Measured.Worth(measured.worth)],
    )


def worth_table(measured: Measured) -> SafeString:
    """Return what a template does by each of bytes, speed and meaning; the one that it earns its place by is marked."""
    if not measured.worth or measured.gain is None:
        return worth(measured)
    names = Measured.Worth
    rows = [
        (_named(names.BYTES, measured), "; ".join((_gain(measured), _("over 1,000 answers, less the bytes to carry")))),
        (_named(names.SPEED, measured), _speed(measured)),
        (_named(names.MEANING, measured), _meaning(measured)),
    ]
    if measured.worth == names.NONE:
        rows.append((_named(names.NONE, measured), _("the model codes each message in fewer bytes")))
    return table(_("earns its place by"), (_("by"), _("measured on answers that were not mined")), rows)


def _named(one: Measured.Worth, measured: Measured) -> SafeString:
    if one != measured.worth:
        return format_html("{}", one.label)
    return format_html('<span class="aura-worth" data-worth="{}">{}</span>', one, one.label)


def _gain(measured: Measured) -> str:
    gain = measured.gain or 0
    signed = f"{'+' if gain > 0 else '−' if gain < 0 else ''}{number_format(abs(gain))}"
    # Isolated, so that the sign stays before its number among words from right to left.
    return _("%s bytes beside the model") % f"\u2066{signed}\u2069"


def _speed(measured: Measured) -> str:
    if not measured.hits:
        return _("no message to measure")
    told = {"micros": number_format(measured.micros or 0, 0), "without": number_format(measured.micros_without or 0, 0)}
    return _("%(micros)s instead of %(without)s µs a message") % told


def _meaning(measured: Measured) -> str:
    told = {"used": number_format(measured.used or 0), "hits": number_format(measured.hits or 0)}
    return _("%(used)s of %(hits)s messages that it makes go as this template and its slots") % told
