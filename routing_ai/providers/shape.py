"""How the events of an answer look around their words, which is nearly always the same."""

from typing import Any

import orjson

# Events of an answer to learn from, at most: some endpoints put something new into each.
LESSONS = 4


class Shape:
    """Reads many events of one answer at once, as bytes: in a twentieth of the time that each takes as JSON.

    It learns from an event that was read as JSON what stands before and behind the words, and takes what is exactly like it;
    all else it leaves alone. So what it says is what JSON would have said.
    """

    def __init__(self) -> None:
        self._before = self._behind = b""
        self._lessons = LESSONS

    def learn(self, data: bytes, event: dict[str, Any], delta: dict[str, Any]) -> None:
        """Take an event as the model of those that come: its data (bytes of JSON), what was read of them, and the part of
        that whose `content` are the words."""
        if not self._lessons:
            return
        self._lessons -= 1
        said = delta["content"]
        words = orjson.dumps(said)[1:-1]
        start = data.find(b'"%s"' % words, data.rfind(b'"content"') + len(b'"content"')) + 1
        if not start:
            return
        before, behind = data[:start], data[start + len(words) :]
        # Whether these are the words, and not something else that reads the same, is seen when others are in their place.
        delta["content"] = "?"
        if orjson.loads(before + b"?" + behind) == event:
            self._before, self._behind = b"data: " + before, behind + b"\n\n"
        delta["content"] = said

    def words(self, chunk: bytes) -> tuple[str, int]:
        """Return the words of the events with which bytes of an event stream begin, and how many bytes those are: none if
        the first is another, if others stand between them, or if they have no words."""
        before, behind = self._before, self._behind
        if not before or not chunk.startswith(before):
            return "", 0
        # Within a string of JSON nothing looks like that: its quotes are escaped, and its line breaks.
        pieces = chunk[len(before) :].split(behind + before)
        last, end, rest = pieces.pop().partition(behind)
        size = len(chunk) - len(rest)
        if end:
            pieces.append(last)
        else:
            size -= len(before) + len(last)
        words = b"".join(pieces)
        if b"\\" in words and any(piece.endswith(b"\\") for piece in pieces):
            return "", 0
        try:
            text = str(orjson.loads(b'"%s"' % words))
        except orjson.JSONDecodeError:
            return "", 0
        return text, size if text else 0
