"""Tentative text: what will probably follow (docs/reference/protocol.md, section 18). Pure.

`static/aura/protocol/tentative.js` is its twin.
"""

from typing import Final

#: Characters: more says less about what comes than it costs.
LIMIT: Final = 1_000


def confirmed(tentative: str, text: str) -> str:
    """Return what is left of a tentative text when `text` has come: the rest of it, or nothing."""
    return tentative[len(text) :] if tentative.startswith(text) else ""
