"""Personal data must not become fixed text: what a check finds there becomes a slot."""

import re
from collections.abc import Callable, Iterable
from functools import cache

from compression.discovery.align import fewer

#: Returns where personal data stands in a text: pairs of start and end.
Personal = Callable[[str], Iterable[tuple[int, int]]]

# Meant to find too much: addresses, and anything that holds five digits or more. A slot costs a few bytes, a leak a lot.
_MAIL = r"[\w.+-]{1,64}@[\w.-]{1,255}"
_WEB = r"(?:https?://|www\.)\S{1,2048}"
_NUMBERS = r"[\w+#(-]{0,8}\d(?:[\w ./()-]{0,3}\d){4,40}\w{0,8}|\b(?=\w{0,40}\d)(?=\w{0,40}[A-Za-z])\w{12,}"
_DIGIT = re.compile(r"\d")


@cache
def _pattern(mail: bool, web: bool, numbers: bool) -> re.Pattern[str]:
    wanted = ((mail, _MAIL), (web, _WEB), (numbers, _NUMBERS))
    return re.compile("|".join(form for needed, form in wanted if needed))


def conservative(text: str) -> list[tuple[int, int]]:
    """Return where a text may hold personal data: mail and web addresses, long numbers, keys. Linear in the text."""
    # Most texts are prose, and each form has something in it that is quickly seen to be missing.
    needed = ("@" in text, "://" in text or "www." in text, _DIGIT.search(text) is not None)
    return [match.span() for match in _pattern(*needed).finditer(text)] if any(needed) else []


def without_personal(parts: tuple[str, ...], personal: Personal) -> tuple[str, ...]:
    """Return the parts with a slot in the place of each piece of personal data."""
    runs: list[str] = []
    for part in parts:
        at = 0
        for start, end in sorted(personal(part)):
            if end > at:
                runs.append(part[at : max(at, start)])
                at = end
        runs.append(part[at:])
    return fewer(runs)
