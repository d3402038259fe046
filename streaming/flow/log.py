"""The log of one stream: the last events of it, numbered, within a bound of bytes."""

from collections import deque

from streaming.flow.events import StreamChunk, StreamEvent


class OutsideWindow(LookupError):
    """An offset that the log no longer holds, or does not hold yet."""


class StreamLog:
    """Keeps the newest events of a stream: at most `window` bytes of text, and always the last event.

    Offsets begin at `start` and rise by one; `first` is the oldest that is kept, `next` the one that comes.
    """

    def __init__(self, window: int, start: int = 0) -> None:
        self._window = window
        self._events: deque[tuple[StreamEvent, int]] = deque()  # an event, and the position of its first byte
        self.first = start
        self.next = start
        self.position = 0  # bytes of text appended since the start
        self.ended = False

    def append(self, event: StreamEvent) -> None:
        """Add the next event. Raises ValueError for an offset out of turn or an event behind the end."""
        if self.ended or event.offset != self.next:
            raise ValueError(f"event {event.offset} where {self.next} was due (ended: {self.ended})")
        self._events.append((event, self.position))
        self.next += 1
        if isinstance(event, StreamChunk):
            self.position += len(event.text.encode())
        else:
            self.ended = True
        while len(self._events) > 1 and self.position - self._events[0][1] > self._window:
            self._events.popleft()
            self.first += 1

    def get(self, offset: int) -> StreamEvent:
        """Return the event at `offset`. Raises OutsideWindow when the log does not hold it."""
        if not self.first <= offset < self.next:
            raise OutsideWindow(offset)
        return self._events[offset - self.first][0]

    @property
    def size(self) -> int:
        """Return how many bytes of text are kept."""
        return self.position - self._events[0][1] if self._events else 0

    def backlog(self, offset: int) -> int:
        """Return how many bytes of text stand from `offset` on; all of them for an offset before `first`."""
        if offset >= self.next:
            return 0
        offset = max(offset, self.first)
        return self.position - self._events[offset - self.first][1]
