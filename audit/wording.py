"""Errors that are made in English, for logs and programs too, in the language of the one who reads them on a page."""

import re
from collections.abc import Sequence
from functools import cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_PLACE = re.compile(r"%\\\((\w+)\\\)s")
FAULTS = (
    gettext_noop("the record cannot be written now: %(why)s"),
    gettext_noop("the record could not be written: %(why)s"),
    gettext_noop("it stands on the record already: %(why)s"),
    gettext_noop("a part of the record cannot be opened: %(why)s"),
    gettext_noop("an export has 1 to %(limit)s entries: choose others"),
)


def in_words(text: str, known: Sequence[str] = FAULTS) -> str:
    """Return a text in the active language where it is one of those that are `known`, whatever stands in their places
    `%(name)s` (in that of `why` another one), or one that has a translation as it is."""
    for words in known:
        found = _pattern(words).fullmatch(text)
        if found is not None:
            told = found.groupdict()
            return _(words) % (told | {"why": in_words(told["why"], known)} if "why" in told else told)
    return _(text) if text else ""


@cache
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(_PLACE.sub(r"(?P<\1>.*)", re.escape(words)), re.DOTALL)
