"""Examples of a template for its reviewer: real answers, in which what only few users saw is hidden. Pure."""

import re
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final

from compression.codec.forms import DIGIT, Forms, form_of
from compression.codec.template import Template

#: Stands for a letter, digit or sign that is hidden.
HIDDEN: Final = "█"
#: Signs that are drawn for a hidden value at most: its length is nobody's business.
MOST: Final = 12
_HIDDEN: Final = re.compile(f"{HIDDEN}+")


def discreet(template: Template, texts: Iterable[str], most: int) -> list[str]:
    """Return different examples of what a template makes, at most `most`, fit to be shown to its reviewer.

    Fixed text is as it was. A value of a slot is there only as far as the template's forms hold it, which many users saw:
    whole, or with its digits hidden; of any other its words are blackened.
    """
    forms = template.forms or (None,) * template.slot_count
    shown: dict[str, None] = {}
    for text in texts:
        slots = template.match(text)
        if slots is not None and len(shown) < most:
            shown[template.fill([_discreet(slot, form) for slot, form in zip(slots, forms, strict=True)])] = None
    return list(shown)


def _discreet(value: str, forms: Forms | None) -> str:
    if forms is not None and DIGIT not in value:
        if value in forms.texts:
            return value
        if form_of(value) in forms.texts:
            return form_of(value).replace(DIGIT, HIDDEN)
    blackened = re.sub(r"\S", HIDDEN, value)
    return blackened if len(blackened) <= MOST else HIDDEN * MOST


def told_apart(texts: Sequence[str]) -> list[str]:
    """Return examples in which every hidden value is a word of its own: two that look alike need not have been the same."""
    numbers = count()
    return [_HIDDEN.sub(lambda _: f"hidden{next(numbers)}", text) for text in texts]
