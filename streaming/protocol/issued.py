"""The libraries that a session has issued, and the one it codes with. Pure."""

from compression.codec.library import Library
from compression.codec.payload import MAX_INDEX
from streaming.protocol import frames
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import LibraryAction

#: Libraries that a client has to keep; of more, the oldest is retired.
KEPT = 4


class Issued:
    """The indices of one session: 1 to 31, each for one library.

    The codec goes on with the library it has until the client acknowledges the next one, so a change falls between two
    payloads. What was issued stays decodable until its index is needed again, many changes later, even when it is retired:
    the client may have coded with it before it heard of that.
    """

    def __init__(self, codec: SessionCodec) -> None:
        self.wanted = ""  # the hash of the library to code with, empty before the client is welcomed
        self._codec = codec
        self._offered: dict[int, Library] = {}
        self._current: list[int] = []
        self._last = 0

    def hold(self, library: Library) -> int:
        """Use a library that the client has already; return its index."""
        self.wanted = library.hash
        self._last = 1
        self._current = [1]
        self._codec.use(1, library)
        return 1

    def offer(self, library: Library) -> list[frames.LibraryNotice]:
        """Want another library from now on; return what the client has to be told."""
        if library.hash == self.wanted:
            return []
        self.wanted = library.hash
        for index in self._current:
            known = self._codec.libraries.get(index) or self._offered.get(index)
            if known is not None and known.hash == library.hash:
                if index in self._codec.libraries:
                    self._codec.active = index
                return []
        index = self._last % MAX_INDEX + 1
        while index in self._current:
            index = index % MAX_INDEX + 1
        self._last = index
        self._codec.libraries.pop(index, None)
        self._codec.models.pop(index, None)
        self._offered[index] = library
        notices = [frames.LibraryNotice(0, LibraryAction.OFFER, index, library.digest)]
        self._current.append(index)
        if len(self._current) > KEPT:
            oldest = next(number for number in self._current if number != self._codec.active)
            self._current.remove(oldest)
            notices.append(frames.LibraryNotice(0, LibraryAction.RETIRE, oldest))
        return notices

    def acknowledge(self, index: int) -> None:
        """Let an offered library count, and code with it if it is still the one wanted."""
        library = self._offered.pop(index, None)
        if library is not None:
            self._codec.libraries[index] = library
            if library.hash == self.wanted:
                self._codec.active = index
