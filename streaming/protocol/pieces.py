"""The pieces of one answer on one channel (docs/reference/protocol.md, section 16). Pure.

`static/aura/protocol/pieces.js` is the reading half again.

Both sides note every text of the channel, so both know without a word when a check is due: with the first piece after a
sentence ended, or after CHECKED_AFTER texts.
"""

import zlib
from typing import Final

from compression.codec.errors import CodecError
from compression.codec.model import Model
from compression.codec.varint import encode_varint

#: Texts after which a check comes even within a sentence: so much is asked for again at most.
CHECKED_AFTER: Final = 32
_ENDS: Final = ".!?\n"
_BLANK: Final = " \t\r"


class _Unchecked:
    """What came on the channel since the last check. `first` is the offset of its first chunk, `text` what it says."""

    def __init__(self, stream: bytes, epoch: int, offset: int) -> None:
        self._head = stream + encode_varint(epoch)
        self.restart(offset)

    def restart(self, offset: int) -> None:
        self.first = self.next = offset
        self.size = self._texts = 0
        self.due = False
        self._sum = zlib.crc32(self._head + encode_varint(offset))

    @property
    def check(self) -> int:
        return self._sum & 0xFF

    def note(self, text: str, count: int = 1) -> None:
        """Count a text of `count` chunks in, whichever frame it came in."""
        self.next += count
        self.size += len(text)
        self._texts += 1
        self._sum = zlib.crc32(text.encode(), self._sum)
        seen = text.rstrip(_BLANK)
        self.due = self._texts >= CHECKED_AFTER or (seen[-1] in _ENDS if seen else self.due)


class PieceWriter:
    """Codes the chunks of one channel, from `offset` on, as pieces of one text."""

    def __init__(self, model: Model, stream: bytes, epoch: int, offset: int) -> None:
        self._coder = model.writer()
        self._unchecked = _Unchecked(stream, epoch, offset)
        self._broken = False

    def put(self, text: str) -> bytes | None:
        """Return what stands behind the head of the chunk's PIECE, None when it has to go as an ordinary chunk."""
        if self._broken:
            return None
        try:
            piece = self._coder.put(text.encode())
        except CodecError:
            self._broken = True  # the coder cannot go on after that
            return None
        check = b""
        if self._unchecked.due:
            check = bytes((self._unchecked.check,))
            self._unchecked.restart(self._unchecked.next)
        self._unchecked.note(text)
        return check + piece

    def note(self, text: str, count: int) -> None:
        """Take notice of chunks that went in an ordinary frame; the coder does not see them."""
        self._unchecked.note(text, count)


class PieceReader:
    """Reads what a PieceWriter with the same model, stream, epoch and offset wrote."""

    def __init__(self, model: Model, stream: bytes, epoch: int, offset: int) -> None:
        self._coder = model.reader()
        self._unchecked = _Unchecked(stream, epoch, offset)

    @property
    def unchecked(self) -> tuple[int, int]:
        """The offset of the first chunk that no check covers yet, and how many characters came since."""
        return self._unchecked.first, self._unchecked.size

    def get(self, data: bytes) -> str | None:
        """Return the text of a piece, None when it does not decode or the check in it does not fit what came before."""
        if self._unchecked.due:
            if data[:1] != bytes((self._unchecked.check,)):
                return None
            self._unchecked.restart(self._unchecked.next)
            data = data[1:]
        try:
            text = self._coder.get(data).decode()
        except (CodecError, UnicodeDecodeError):
            return None
        self._unchecked.note(text)
        return text

    def note(self, text: str, count: int) -> None:
        """Take notice of chunks that came in an ordinary frame."""
        self._unchecked.note(text, count)
