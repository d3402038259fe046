"""JSON request bodies, `{"esn_size": 64, "input_data": "..."}`, read as they come: `input_data` is never held."""

import re
from enum import Enum, auto

import orjson

from streaming.datasets.errors import BadEnvelope

NAME = "input_data"
# Bytes that everything but `input_data` may have together.
HEAD_LIMIT = 65_536
# The longest escape that may be cut in two: a pair of surrogates.
LONGEST_ESCAPE = 12

_SPACE = re.compile(rb"[ \t\r\n]*")
_END_OF_ATOM = re.compile(rb"[,}\]:\s]")
_STRING_PART = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_STRUCTURE = re.compile(rb'[{}\[\]"]')


class _At(Enum):
    OPENING = auto()
    NAME = auto()
    VALUE = auto()
    STRING = auto()
    NESTED = auto()
    AFTER = auto()
    END = auto()


class Envelope:
    """Takes the bytes of a body and gives those of its `input_data`: of a string the text as UTF-8, of an object or array
    its JSON.

    `fields` are the members before it, `begun` says that the last of them is known.
    """

    def __init__(self) -> None:
        self.fields: dict[str, object] = {}
        self.late: dict[str, object] = {}
        self.begun = False
        self._at = _At.OPENING
        self._buffer = b""
        self._name = ""
        self._depth = 0
        self._quoted = False

    @property
    def done(self) -> bool:
        return self._at is _At.END

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the input that `data` holds. Raises BadEnvelope."""
        self._buffer += data
        out: list[bytes] = []
        while self._step(out):
            pass
        limit = HEAD_LIMIT if self._at not in (_At.STRING, _At.NESTED) else LONGEST_ESCAPE
        if len(self._buffer) > limit:
            raise BadEnvelope(
                f"Apart from {NAME} the body may have {HEAD_LIMIT} bytes."
                if limit == HEAD_LIMIT
                else f"{NAME} has an escape or a character that is none."
            )
        return b"".join(out)

    def finish(self) -> None:
        """Raise BadEnvelope unless the body was whole."""
        if self._at is not _At.END:
            raise BadEnvelope("The JSON body ends too early.")
        if not self.begun:
            raise BadEnvelope(f"The JSON body has no {NAME}.")

    def _step(self, out: list[bytes]) -> bool:
        """Take one piece off the buffer; return whether there may be another."""
        if self._at is _At.STRING:
            return self._string(out)
        if self._at is _At.NESTED:
            return self._nested(out)
        self._buffer = self._buffer[_after(_SPACE, self._buffer) :]
        if not self._buffer:
            return False
        if self._at is _At.VALUE:
            return self._value()
        if self._at is _At.NAME:
            return self._read_name()
        return self._punctuation()

    def _punctuation(self) -> bool:
        mark, self._buffer = self._buffer[:1], self._buffer[1:]
        if (self._at is _At.OPENING and mark == b"{") or (self._at is _At.AFTER and mark == b","):
            self._at = _At.NAME
        elif self._at is _At.AFTER and mark == b"}":
            self._at = _At.END
        else:
            raise BadEnvelope(f'The body must be one JSON object, such as {{"{NAME}": "..."}}.')
        return True

    def _read_name(self) -> bool:
        if self._buffer[:1] == b"}" and not self.fields and not self.begun:
            self._buffer = self._buffer[1:]
            self._at = _At.END
            return True
        end = self._end_of_value()
        if end is None:
            return False
        colon = _after(_SPACE, self._buffer, end)
        if colon >= len(self._buffer):
            return False
        name = _loads(self._buffer[:end])
        if not isinstance(name, str) or self._buffer[colon : colon + 1] != b":":
            raise BadEnvelope("The JSON body is damaged: a name in quotes and a colon were expected.")
        if name in self.fields or name in self.late or (name == NAME and self.begun):
            raise BadEnvelope(f"The JSON body names {name[:40]} twice.")
        self._name, self._buffer, self._at = name, self._buffer[colon + 1 :], _At.VALUE
        return True

    def _value(self) -> bool:
        if self._name != NAME:
            end = self._end_of_value()
            if end is None:
                return False
            (self.late if self.begun else self.fields)[self._name] = _loads(self._buffer[:end])
            self._buffer, self._at = self._buffer[end:], _At.AFTER
            return True
        first = self._buffer[:1]
        if first == b'"':
            self._buffer, self._at = self._buffer[1:], _At.STRING
        elif first in (b"{", b"["):
            self._at = _At.NESTED
        else:
            raise BadEnvelope(f"{NAME} must be a string, an object or an array.")
        self.begun = True
        return True

    def _end_of_value(self) -> int | None:
        """Return where the value at the beginning of the buffer ends; None when more bytes are needed."""
        data = self._buffer
        if data[:1] == b'"':
            end = _after(_STRING_PART, data, 1)
            return end + 1 if data[end : end + 1] == b'"' else None
        if data[:1] not in (b"{", b"["):
            found = _END_OF_ATOM.search(data)
            return found.start() if found else None
        depth, at = 0, 0
        while (mark := _STRUCTURE.search(data, at)) is not None:
            at = mark.end()
            if mark[0] == b'"':
                at = _after(_STRING_PART, data, at) + 1
            else:
                depth += 1 if mark[0] in b"{[" else -1
                if depth == 0:
                    return at
        return None

    def _string(self, out: list[bytes]) -> bool:
        end = _after(_STRING_PART, self._buffer)
        closed = self._buffer[end : end + 1] == b'"'
        whole = end if closed else _uncut(self._buffer, end)
        if whole is None:
            return False
        if whole:
            text = _loads(b'"' + self._buffer[:whole] + b'"')
            out.append(str(text).encode())
        if closed:
            self._buffer, self._at = self._buffer[end + 1 :], _At.AFTER
            return True
        self._buffer = self._buffer[whole:]
        return False

    def _nested(self, out: list[bytes]) -> bool:
        """Pass bytes on until the brackets are closed. A backslash at the very end waits for what it escapes."""
        data, at = self._buffer, 0
        while at < len(data):
            if self._quoted:
                at = _after(_STRING_PART, data, at)
                if at >= len(data) or data[at : at + 1] == b"\\":
                    break
                self._quoted, at = False, at + 1
                continue
            mark = _STRUCTURE.search(data, at)
            if mark is None:
                at = len(data)
                break
            at = mark.end()
            if mark[0] == b'"':
                self._quoted = True
                continue
            self._depth += 1 if mark[0] in b"{[" else -1
            if self._depth == 0:
                self._at = _At.AFTER
                break
        out.append(data[:at])
        self._buffer = data[at:]
        return self._at is _At.AFTER


def _after(pattern: re.Pattern[bytes], data: bytes, start: int = 0) -> int:
    """Return where what the pattern takes from `start` on ends; the patterns here match always, if nothing."""
    found = pattern.match(data, start)
    return found.end() if found else start


def _uncut(data: bytes, end: int) -> int | None:
    """Return how much of a string's part before `end` is whole characters and escapes; None to wait for more."""
    cuts: list[int] = [end, *range(end - 1, max(-1, end - LONGEST_ESCAPE - 1), -1)]
    for cut in cuts:
        if cut != end and data[cut] < 0x80 and data[cut] != 0x5C:
            continue
        try:
            orjson.loads(b'"' + data[:cut] + b'"')
        except orjson.JSONDecodeError:
            continue
        return cut
    return None


def _loads(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BadEnvelope("The JSON body is damaged.") from None


def parse(body: bytes) -> tuple[dict[str, object], bytes]:
    """Return the parameters and the input of a whole body, in whatever order they stand. Raises BadEnvelope."""
    value = _loads(body)
    if not isinstance(value, dict):
        raise BadEnvelope(f'The body must be one JSON object, such as {{"{NAME}": "..."}}.')
    if NAME not in value:
        raise BadEnvelope(f"The JSON body has no {NAME}.")
    data = value.pop(NAME)
    if isinstance(data, str):
        return value, data.encode()
    if isinstance(data, (dict, list)):
        return value, orjson.dumps(data)
    raise BadEnvelope(f"{NAME} must be a string, an object or an array.")
