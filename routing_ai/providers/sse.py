"""Server-Sent Events as they arrive (WHATWG HTML, section 9.2.6): bytes in, the data of events out."""


class LineTooLong(ValueError):
    """A line over the limit: whatever sends it, it is no event stream of a model."""


class EventParser:
    """Collects the data of events from bytes that are cut anywhere. Lines are bounded by `limit` bytes."""

    def __init__(self, limit: int = 4 * 1024 * 1024) -> None:
        self._limit = limit
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that end in `chunk`. Raises LineTooLong."""
        if self._after_return and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._after_return = False
        buffer = self._rest + chunk
        if buffer.endswith(b"\r"):
            self._after_return = True
        lines = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self._limit:
            raise LineTooLong(f"a line of more than {self._limit} bytes")
        events = []
        for line in lines:
            event = self._line(line)
            if event is not None:
                events.append(event)
        return events

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._size += len(value) + 1
            if self._size > self._limit:
                raise LineTooLong(f"an event of more than {self._limit} bytes")
            self._data.append(value)
        return None
