"""Text for people to judge: signs that nobody sees, or that turn the order of others around, are written out. Pure."""

import re
from typing import Final

#: Control signs but tab and line feed; soft hyphen; marks, embeddings, overrides and isolates of direction (Unicode TR 9);
#: spaces without width; separators; tags. Joiners are left alone: Persian, Hindi and emoji are written with them.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def unseen(text: str) -> list[str]:
    """Return the different signs of a text that nobody would see, written out, in the order of their numbers."""
    return [_written(sign) for sign in sorted(set(_UNSEEN.findall(text)))]


def visible(text: str) -> str:
    """Return the text with `⟨U+202E⟩` and the like in the place of signs that nobody would see."""
    return _UNSEEN.sub(lambda found: f"⟨{_written(found[0])}⟩", text)


def in_a_line(text: str, most: int = 120) -> str:
    """Return the text for a title or a message: visible, in one line, of at most `most` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _written(sign: str) -> str:
    return f"U+{ord(sign):04X}"
