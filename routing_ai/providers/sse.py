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

    @property
    def between(self) -> bool:
        """Return whether what has come so far ends with an event."""
        return not (self._rest or self._data or self._after_return)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that end in `chunk`. Raises LineTooLong."""
        if not self._data and not self._after_return and b"\r" not in chunk:
            return self._plain(self._rest + chunk)
        return self._lines(chunk)

    def _plain(self, buffer: bytes) -> list[bytes]:
        """Do as `_lines` for what most endpoints send, events of one line `data: ...`, in a quarter of the time."""
        events: list[bytes] = []
        blocks = buffer.split(b"\n\n")
        self._rest = blocks.pop()
        for number, block in enumerate(blocks):
            if block[:6] != b"data: " or b"\n" in block:
                self._rest, rest = b"", b"\n\n".join([*blocks[number:], self._rest])
                return events + self._lines(rest)
            if len(block) > self._limit:
                raise LineTooLong(f"an event of more than {self._limit} bytes")
            events.append(block[6:])
        if len(self._rest) > self._limit:
            raise LineTooLong(f"a line of more than {self._limit} bytes")
        return events

    def _lines(self, chunk: bytes) -> list[bytes]:
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
