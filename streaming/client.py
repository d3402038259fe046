"""A WebSocket client of the session protocol in Python, over `streaming.protocol.client.ClientSession`."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect

from compression.codec.library import Library
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

MESSAGE_LIMIT = 262_144
FRAME_LIMIT = MESSAGE_LIMIT * 2


class ChatClient:
    """One connection to `ws/chat/`: `async with ChatClient(url, key) as client`, then `async for event in client.ask(...)`.

    `fetch` returns the library of a hash, or None to go without; it is called when the server offers one.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        mode: Mode = Mode.SENTENCE,
        fetch: Callable[[str], Awaitable[Library | None]] | None = None,
    ) -> None:
        self.session = ClientSession(SessionCodec(MESSAGE_LIMIT), mode=mode)
        self._url = url
        self._key = key
        self._fetch = fetch
        self._line: ClientConnection | None = None
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
        """Open the connection, or another one after a broken line: streams that have not ended are resumed."""
        self._line = await connect(
            self._url,
            subprotocols=[frames.SUBPROTOCOL],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {self._key}"},
            compression=None,
            max_size=FRAME_LIMIT,
        )
        self.session.connect()
        await self._flush()
        while not any(isinstance(event, Welcomed) for event in self._events):
            await self._step()

    async def settle(self) -> None:
        """Return when the server has said which library it uses and, where it could be fetched, it counts."""
        while not self.session.codec.active and self._fetch is not None and not self._refused:
            await self._step()

    async def close(self) -> None:
        """Say goodbye: what is still being answered is cancelled."""
        if self._line is not None:
            await self._line.close()

    def drop(self) -> None:
        """Break the line without a goodbye."""
        if self._line is not None:
            self._line.transport.abort()

    async def ask(self, text: str, conversation: bytes = b"", model: str = "") -> AsyncGenerator[ClientEvent]:
        """Ask a question and yield what comes of it, the last being Ended or Failed."""
        reading = self.session.ask(text, secrets.token_bytes(16), conversation, model)
        async for event in self.follow(reading):
            yield event

    async def follow(self, reading: Reading) -> AsyncGenerator[ClientEvent]:
        """Yield the events of one stream up to its end. Raises ConnectionClosed when the line breaks."""
        await self._flush()
        while True:
            for event in [e for e in self._events if getattr(e, "reading", None) is reading]:
                self._events.remove(event)
                yield event
                if isinstance(event, Ended | Failed):
                    return
            await self._step()

    async def _step(self) -> None:
        """Take one frame from the line."""
        assert self._line is not None
        data = await self._line.recv(decode=False)
        assert isinstance(data, bytes)
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
        await self._flush()

    async def _adopt(self, index: int, name: bytes) -> bool:
        library = await self._fetch(name.hex()) if self._fetch is not None else None
        if library is None or library.hash != name.hex():
            return False
        self.session.codec.use(index, library)
        return True

    async def _flush(self) -> None:
        assert self._line is not None
        async with self._lock:
            out, self.session.to_send = self.session.to_send, []
            for frame in out:
                await self._line.send(frames.encode(frame))
