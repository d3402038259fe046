"""Messages cut into datagrams that fit the path, and joined again (docs/reference/protocol.md, section 14)."""

from dataclasses import dataclass, field

from compression.codec.errors import CodecError
from compression.codec.varint import decode_varint, encode_varint
from streaming.protocol.codes import CloseCode
from streaming.protocol.errors import FrameError

# What one SCTP packet carries over the smallest IPv6 path (1,280 bytes) under DTLS and UDP, rounded down.
DATAGRAM_SIZE = 1_150
# A part that another one follows has at least so many bytes: that bounds how many parts a message can have.
PART_LEAST = 256
# Messages that may be under way at once.
WINDOW = 64


def cut(number: int, message: bytes, size: int = DATAGRAM_SIZE) -> list[bytes]:
    """Return the datagrams of message `number`, each of at most `size` bytes."""
    head = encode_varint(number)
    parts: list[bytes] = []
    position = 0
    while True:
        room = size - len(head) - len(encode_varint(2 * len(parts)))
        last = position + room >= len(message)
        parts.append(head + encode_varint(2 * len(parts) + last) + message[position : position + room])
        position += room
        if last:
            return parts


@dataclass(slots=True)
class _Message:
    parts: dict[int, bytes] = field(default_factory=dict)
    count: int = 0  # 0 until the last part has come


class Joiner:
    """Joins datagrams to messages, in the order of their numbers, whatever order they come in; repeats are passed over.

    A message has at most `limit` bytes, and no more than that is ever held.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._next = 0
        self._messages: dict[int, _Message] = {}
        self.held = 0

    def receive(self, datagram: bytes) -> list[bytes]:
        """Return the messages that are whole now and due. Raises FrameError, after which the line is to be closed."""
        try:
            number, position = decode_varint(datagram)
            part, position = decode_varint(datagram, position)
        except CodecError as error:
            raise FrameError(f"a datagram without its head: {error}") from None
        if number >= self._next + WINDOW:
            raise FrameError(f"message {number} is too far ahead of {self._next}")
        if number >= self._next:
            self._add(self._messages.setdefault(number, _Message()), part >> 1, part & 1, datagram[position:])
        return self._due()

    def _add(self, message: _Message, index: int, last: int, body: bytes) -> None:
        if index in message.parts:
            return
        if not last and len(body) < PART_LEAST:
            raise FrameError(f"a part that another one follows has at least {PART_LEAST} bytes")
        self.held += len(body)
        if self.held > self._limit or index > self._limit // PART_LEAST:
            raise FrameError(f"a message has at most {self._limit} bytes", CloseCode.FRAME_TOO_LARGE)
        if last:
            if message.count:
                raise FrameError("a message has two last parts")
            message.count = index + 1
        message.parts[index] = body
        if message.count and max(message.parts) >= message.count:
            raise FrameError("a part behind the last one")

    def _due(self) -> list[bytes]:
        due: list[bytes] = []
        while (message := self._messages.get(self._next)) and len(message.parts) == message.count:
            due.append(b"".join(message.parts[index] for index in range(message.count)))
            self.held -= len(due[-1])
            del self._messages[self._next]
            self._next += 1
        return due
