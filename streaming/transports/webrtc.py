"""WebRTC: one session over one data channel, in datagrams that fit the path.

Needs `aiortc`, which brings FFmpeg's libraries along (110 MB); so only `streaming.signalling` imports this module, when the
first offer comes.
"""

import asyncio
import json
import logging
from contextlib import suppress
from contextvars import Context
from typing import Any

from aiortc import (
    InvalidStateError,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from django.conf import settings

from streaming.connections import Connection, connections
from streaming.errors import Draining, TooManyStreams
from streaming.protocol import frames
from streaming.protocol.codes import CloseCode
from streaming.protocol.datagrams import Joiner, cut
from streaming.protocol.errors import FrameError
from streaming.protocol.frames import Frame
from streaming.protocol.offers import clean_offer
from streaming.sessions import Session

log = logging.getLogger(__name__)

# Seconds from the answer to an open channel, and for a goodbye to reach the client.
OPENING = 20.0
PARTING = 1.0
# Bytes: a frame beside its text; what the library may hold before we wait; what may wait for us.
FRAME_MARGIN = 4_096
BUFFER_HIGH = 65_536
BUFFER_LOW = 16_384
INBOX_LIMIT = 1_048_576


class Peer:
    """The server's end of one peer connection, from the offer to the goodbye."""

    def __init__(self, user: Any) -> None:
        loop = asyncio.get_running_loop()
        self.user = user
        self.answer: asyncio.Future[str] = loop.create_future()
        self._over: asyncio.Future[tuple[CloseCode | None, str]] = loop.create_future()
        self._opened: asyncio.Future[RTCDataChannel] = loop.create_future()
        servers = [RTCIceServer(**server) for server in settings.AURA_ICE_SERVERS]
        # An empty list must be said: without one the library asks a public server.
        self._line = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._line.on("datachannel", self._on_channel)
        self._line.on("connectionstatechange", self._on_state)
        self._channel: RTCDataChannel | None = None
        self._joiner = Joiner(settings.STREAMING_MESSAGE_LIMIT + FRAME_MARGIN)
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting = 0
        self._room = asyncio.Event()
        self._sent = 0
        self.session = Session(user, self.transmit)
        self.connection = Connection("webrtc", self.session, self.shut)

    async def run(self, offer: str) -> None:
        """Set `answer`, to an exception for a bad offer, then serve the client until it or the line is gone."""
        code, reason = CloseCode.GOING_AWAY, ""
        try:
            await self._accept(offer)
            async with asyncio.timeout(OPENING):
                ends: list[asyncio.Future[Any]] = [self._opened, self._over]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not self._over.done():
                await self._serve()
            found, reason = self._over.result()
            code = found or code
        except TimeoutError:
            log.debug("a peer was answered and never came")
        finally:
            with suppress(Exception):
                await self._part(code, reason)
            await self._line.close()

    async def _accept(self, offer: str) -> None:
        try:
            sdp = clean_offer(offer, candidates=bool(settings.AURA_ICE_SERVERS))
            await self._line.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await self._line.setLocalDescription(await self._line.createAnswer())
        except Exception as error:
            # The library meets nonsense with errors of every kind.
            log.debug("an offer could not be answered", exc_info=True)
            self.answer.set_exception(ValueError(f"this offer cannot be answered: {error}"))
            self._end(None)
        else:
            self.answer.set_result(self._line.localDescription.sdp)

    async def _serve(self) -> None:
        """Carry the session until `_over` says how it ended."""
        refusal = connections.refusal(self.user.pk)
        if refusal is not None:
            return self._end(refusal)
        connections.add(self.connection)
        reading = asyncio.create_task(self._read())
        try:
            await self._over
        finally:
            reading.cancel()
            connections.remove(self.connection)
            leaving = self._over.done() and self._over.result()[0] == CloseCode.NORMAL
            await self.session.leave(leaving=leaving)
        return None

    async def _read(self) -> None:
        try:
            while True:
                data = await self._inbox.get()
                self._waiting -= len(data)
                await self.session.receive(frames.decode(data))
        except FrameError as error:
            self._end(error.close_code, str(error))
        except Exception:
            log.exception("a frame could not be handled")
            self._end(CloseCode.INTERNAL_ERROR, "AURA failed here; what is on the record is safe")

    # -- what the library tells --------------------------------------------------------------------------------

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            return self._end(CloseCode.BAD_FRAME, "one data channel is enough")
        self._channel = channel
        if channel.protocol != frames.SUBPROTOCOL:
            return self._end(CloseCode.UNSUPPORTED_VERSION, f"the channel's protocol is {frames.SUBPROTOCOL}")
        if channel.maxRetransmits is not None or channel.maxPacketLifeTime is not None:
            return self._end(CloseCode.UNSUPPORTED_VERSION, "the channel must be reliable")
        channel.bufferedAmountLowThreshold = BUFFER_LOW
        channel.on("bufferedamountlow", self._room.set)
        channel.on("message", self._on_message)
        channel.on("close", lambda: self._end(None))
        self._opened.set_result(channel)
        return None

    def _on_state(self) -> None:
        if self._line.connectionState in ("failed", "closed"):
            self._end(None)

    def _on_message(self, message: bytes | str) -> None:
        if self._over.done():
            return None
        if isinstance(message, str):
            return self._end(_code_of(message))
        try:
            for data in self._joiner.receive(message):
                self._waiting += len(data)
                self._inbox.put_nowait(data)
        except FrameError as error:
            return self._end(error.close_code, str(error))
        if self._waiting > INBOX_LIMIT:
            # The channel has no backpressure of its own in this direction.
            self._end(CloseCode.OVERLOADED, "too much at once: wait for answers before you ask more")
        return None

    # -- what the session and the server want ------------------------------------------------------------------

    async def transmit(self, out: list[Frame]) -> int:
        """Send frames, and return their bytes. Waits while the line is full. Raises OSError when it is gone."""
        size = 0
        for frame in out:
            data = frames.encode(frame)
            for datagram in cut(self._sent, data):
                await self._send(datagram)
            self._sent += 1
            size += len(data)
        return size

    async def _send(self, datagram: bytes) -> None:
        channel = self._opened.result()
        while channel.bufferedAmount > BUFFER_HIGH and channel.readyState == "open":
            self._room.clear()
            await self._room.wait()
        try:
            channel.send(datagram)
        except InvalidStateError:
            raise ConnectionResetError("the channel is closed") from None

    async def shut(self, code: CloseCode) -> None:
        """Close from the server's side."""
        self._end(code)

    def _end(self, code: CloseCode | None, reason: str = "") -> None:
        """Say how the session ended; None when the line broke. The first word counts."""
        self._room.set()
        if not self._over.done():
            self._over.set_result((code, reason))

    async def _part(self, code: CloseCode, reason: str) -> None:
        """Say goodbye, and give it a moment to arrive."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        gone = asyncio.Event()
        channel.on("close", gone.set)
        words = reason or code.name.lower().replace("_", " ")
        channel.send(json.dumps({"code": int(code), "reason": words}))
        channel.close()
        async with asyncio.timeout(PARTING):
            await gone.wait()


def _code_of(goodbye: str) -> CloseCode | None:
    """Return what the client's goodbye means: NORMAL when it leaves for good, None for a line that is given up."""
    try:
        said = json.loads(goodbye)
    except ValueError:
        return CloseCode.BAD_FRAME
    return CloseCode.NORMAL if isinstance(said, dict) and said.get("code") == CloseCode.NORMAL else None


class Peers:
    """The peers of this process, those included that have not come yet."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], int] = {}

    async def answer(self, user: Any, offer: str) -> str:
        """Return the answer to an offer. Raises ValueError for a bad one, TooManyStreams and Draining."""
        if connections.draining:
            raise Draining("this server is about to restart: ask again in a moment")
        mine = sum(owner == user.pk for owner in self._tasks.values())
        if mine >= settings.STREAMING_SESSIONS_PER_USER or len(self._tasks) >= settings.AURA_WEBRTC_PEERS:
            raise TooManyStreams("there are as many connections as may be: close one")
        peer = Peer(user)
        # A context of its own: the peer outlives the request that brought the offer.
        task = asyncio.create_task(peer.run(offer), context=Context())
        self._tasks[task] = user.pk
        task.add_done_callback(self._tasks.pop)
        return await asyncio.shield(peer.answer)

    async def close(self) -> None:
        """End all peers."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))


peers = Peers()
