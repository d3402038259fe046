"""One connection of the session protocol at a time, over `streaming.protocol.client.ClientSession`.

What happens when it breaks is the caller's to decide; `aura_client` is for those who would rather not.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Self

from compression.codec.library import Library
from streaming.identifiers import new_identifier
from streaming.lines import MESSAGE_LIMIT, Line, open_websocket
from streaming.protocol import frames
from streaming.protocol.client import (
    ClientEvent,
    ClientSession,
    Ended,
    Failed,
    LibraryOffered,
    Reading,
    Welcomed,
)
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import Mode


class ChatClient:
    """One connection to `ws/chat/`: `async with ChatClient(url, key) as client`, then `async for event in client.ask(...)`.

    `fetch` returns the library of a hash, or None to go without; it is called when the server offers one. `opening` makes
    the line, for other transports than the WebSocket.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        mode: Mode = Mode.SENTENCE,
        fetch: Callable[[str], Awaitable[Library | None]] | None = None,
        opening: Callable[[str, str], Awaitable[Line]] = open_websocket,
    ) -> None:
        self.session = ClientSession(SessionCodec(MESSAGE_LIMIT), mode=mode)
        self._url = url
        self._key = key
        self._fetch = fetch
        self._opening = opening
        self._line: Line | None = None
        self._events: deque[ClientEvent] = deque()
        self._lock = asyncio.Lock()
        self._refused = False

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the connection, or another one after a broken line: streams that have not ended are resumed.

        Raises OSError, of which are LineClosed and LineRefused, and TimeoutError.
        """
        self._line = await self._opening(self._url, self._key)
        self.session.connect()
        await self.flush()
        while not any(isinstance(event, Welcomed) for event in self._events):
            await self.step()

    async def settle(self) -> None:
        """Return when the server has said which library it uses and, where it could be fetched, it counts."""
        while not self.session.codec.active and self._fetch is not None and not self._refused:
            await self.step()

    async def close(self) -> None:
        """Say goodbye: what is still being answered is cancelled."""
        if self._line is not None:
            await self._line.close()

    def drop(self) -> None:
        """Break the line without a goodbye."""
        if self._line is not None:
            self._line.drop()

    async def ask(self, text: str, conversation: bytes = b"", model: str = "") -> AsyncGenerator[ClientEvent]:
        """Ask a question and yield what comes of it, the last being Ended or Failed."""
        reading = self.session.ask(text, new_identifier().bytes, conversation, model)
        async for event in self.follow(reading):
            yield event

    async def follow(self, reading: Reading) -> AsyncGenerator[ClientEvent]:
        """Yield the events of one stream up to its end. Raises LineClosed when the line breaks."""
        await self.flush()
        while True:
            for event in [e for e in self._events if getattr(e, "reading", None) is reading]:
                self._events.remove(event)
                yield event
                if isinstance(event, Ended | Failed):
                    return
            await self.step()

    def take(self) -> list[ClientEvent]:
        """Return what has come since the last call, and forget it."""
        found = list(self._events)
        self._events.clear()
        return found

    async def step(self) -> None:
        """Take one frame from the line. Raises LineClosed; FrameError for what no server sends."""
        assert self._line is not None
        data = await self._line.receive()
        for event in self.session.receive(data, frames.decode(data)):
            if isinstance(event, Welcomed) and event.welcome.index:
                await self._adopt(event.welcome.index, event.welcome.library)
            if isinstance(event, LibraryOffered):
                if await self._adopt(event.index, event.library):
                    self.session.library_ready(event.index)
                else:
                    self._refused = True
            else:
                self._events.append(event)
        await self.flush()

    async def _adopt(self, index: int, name: bytes) -> bool:
        library = await self._fetch(name.hex()) if self._fetch is not None else None
        if library is None or library.hash != name.hex():
            return False
        self.session.codec.use(index, library)
        return True

    async def flush(self) -> None:
        """Send what the session has to say. Raises LineClosed."""
        assert self._line is not None
        async with self._lock:
            out, self.session.to_send = self.session.to_send, []
            for frame in out:
                await self._line.send(frames.encode(frame))
