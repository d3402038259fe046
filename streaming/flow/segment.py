"""Where sentences end, and the cutting of a growing text into chunks that never reach across such an end."""

import re

# A sentence has ended where one of these, and what closes quotes or emphasis behind it, meets white space. The
# white space opens the next sentence: only with it in sight is "3." known from the beginning of "3.5".
_ENDED = re.compile(r"[.!?…؟。！？][\"'”’»)\]*_`]{0,4}\Z")
# Where to look for an end: a pattern that begins with a set of characters is found ten times as fast as one that looks back.
_CANDIDATE = re.compile(r"[.!?…؟。！？\n][\"'”’»)\]*_`]{0,4}")
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\d{1,3}\.\Z")
# How far back a decision looks: a list number with its line break, or an end with its closing marks.
CONTEXT = 16


def is_boundary(before: str, after: str) -> bool:
    """Return whether a sentence ends between two neighbouring pieces of a text.

    `before` may be cut to its last CONTEXT characters. A line break ends a sentence as a full stop does; the number
    of a list item does not.
    """
    if not before or not after or not after[0].isspace():
        return False
    if before[-1].isspace():
        return False
    if after[0] == "\n":
        return True
    return bool(_ENDED.search(before)) and not _LIST_NUMBER.search(before)


class Segmenter:
    """Cuts a text that arrives in pieces of any size into chunks, none of which reaches across a sentence's end.

    `before` is what was cut already, when the text goes on from there.
    """

    def __init__(self, before: str = "") -> None:
        self._tail = before[-CONTEXT:]
        self._pending = ""

    def __len__(self) -> int:
        """Return how many characters wait."""
        return len(self._pending)

    def feed(self, text: str) -> None:
        """Add what has arrived."""
        self._pending += text

    def take(self) -> list[str]:
        """Return all that waits as chunks, in order, and forget it. Their joined text is the text that was fed."""
        text, self._pending = self._tail + self._pending, ""
        start = len(self._tail)
        chunks: list[str] = []
        for match in _CANDIDATE.finditer(text):
            cut = match.start() if match[0][0] == "\n" else match.end()
            if start < cut < len(text) and is_boundary(text[max(0, cut - CONTEXT) : cut], text[cut]):
                chunks.append(text[start:cut])
                start = cut
        if start < len(text):
            chunks.append(text[start:])
        self._tail = text[-CONTEXT:]
        return chunks
