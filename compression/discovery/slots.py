"""What a slot holds, told from its values, for the reviewer of a template."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class SlotKind(StrEnum):
    """The kinds of slots."""

    NUMBER = "number"
    DATE = "date"
    AMOUNT = "amount"
    ID = "id"
    NAME = "name"
    LIST = "list"
    TEXT = "text"


_DATE = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}(?::\d{2})?|(?:\d{1,2} )?[A-Z][a-z]{2,8} \d{1,2}(?:, \d{4})?"
_FORMS: Final = (
    (SlotKind.NUMBER, re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,15})?%?")),
    (SlotKind.DATE, re.compile(_DATE)),
    (SlotKind.AMOUNT, re.compile(r"(?:[$€£¥] ?|[A-Z]{3} )\d[\d.,]{0,15}|\d[\d.,]{0,15} ?(?:[$€£¥]|[A-Z]{3})")),
    (SlotKind.ID, re.compile(r"(?=.*\d)[#+(]?[A-Za-z0-9][A-Za-z0-9 ()/_.-]{2,40}")),
)
_NAME = re.compile(r"[^\W\d_a-z][^\W\d_]+(?:[ '-][^\W\d_a-z][^\W\d_]+){0,3}")
#: A slot with at most this many different values, each seen often, takes words from a list.
_LIST_SIZE: Final = 8


def slot_kind(values: Sequence[str]) -> SlotKind:
    """Return the kind of the slot that held these values; TEXT when there are none."""
    for kind, form in _FORMS:
        if values and all(form.fullmatch(value) for value in values):
            return kind
    if values and len(values) >= 2 * len(set(values)) and len(set(values)) <= _LIST_SIZE:
        return SlotKind.LIST
    if values and all(_NAME.fullmatch(value) for value in values):
        return SlotKind.NAME
    return SlotKind.TEXT
