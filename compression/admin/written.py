"""A template as one text that can be edited, and the parts that such a text stands for. Pure."""

import re
from collections.abc import Sequence
from itertools import chain

_SIGN = re.compile(r"(\{\{|\}\}|\{\d{1,2}\})")
_BRACE = re.compile(r"[{}]")


def written(parts: Sequence[str]) -> str:
    """Return the parts with `{0}`, `{1}` ... for the slots between them; a brace of their own is written twice."""
    first, *rest = [_BRACE.sub(lambda brace: brace[0] * 2, part) for part in parts]
    return first + "".join(chain.from_iterable((f"{{{number}}}", part) for number, part in enumerate(rest)))


def read(text: str) -> list[str]:
    """Return the parts that were written so. Slots may have any numbers; a brace that stands alone is taken as it is."""
    parts = [""]
    for piece in _SIGN.split(text):
        if piece in ("{{", "}}"):
            parts[-1] += piece[0]
        elif _SIGN.fullmatch(piece):
            parts.append("")
        else:
            parts[-1] += piece
    return parts
