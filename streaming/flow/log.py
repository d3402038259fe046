"""The log of one stream: the last events of it, numbered, within a bound of bytes."""

from collections import deque

from streaming.flow.events import StreamChunk, StreamEnd, StreamEvent


class OutsideWindow(LookupError):
    """An offset that the log no longer holds, or does not hold yet."""


class StreamLog:
    """Keeps the newest events of a stream: at most `window` bytes of text, and always the last event.

    Offsets begin at `start` and rise by one; `first` is the oldest that is kept, `next` the one that comes. Chunks are kept
    as their text and position alone: the garbage collector of a busy process would look through a million events again and
    again.
    """

    def __init__(self, window: int, start: int = 0) -> None:
        self._window = window
        self._texts: deque[str] = deque()
        self._positions: deque[int] = deque()  # of the first byte of each
        self._end: StreamEnd | None = None
        self.first = start
        self.next = start
        self.position = 0  # bytes of text appended since the start

    @property
    def ended(self) -> bool:
        return self._end is not None

    def append(self, event: StreamEvent) -> None:
        """Add the next event. Raises ValueError for an offset out of turn or an event behind the end."""
        if self.ended or event.offset != self.next:
            raise ValueError(f"event {event.offset} where {self.next} was due (ended: {self.ended})")
        self.next += 1
        if isinstance(event, StreamChunk):
            self._texts.append(event.text)
            self._positions.append(self.position)
            self.position += len(event.text.encode())
        else:
            self._end = event
        while self.next - self.first > 1 and self.size > self._window:
            self._texts.popleft()
            self._positions.popleft()
            self.first += 1

    def get(self, offset: int) -> StreamEvent:
        """Return the event at `offset`. Raises OutsideWindow when the log does not hold it."""
        if not self.first <= offset < self.next:
            raise OutsideWindow(offset)
        if self._end is not None and offset == self.next - 1:
            return self._end
        return StreamChunk(offset, self._texts[offset - self.first])

    @property
    def size(self) -> int:
        """Return how many bytes of text are kept."""
        return self.position - self._positions[0] if self._positions else 0

    def backlog(self, offset: int) -> int:
        """Return how many bytes of text stand from `offset` on; all of them for an offset before `first`."""
        place = max(offset, self.first) - self.first
        return self.position - self._positions[place] if place < len(self._positions) else 0
