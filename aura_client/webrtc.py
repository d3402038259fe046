"""AURA over a WebRTC data channel. Needs `aiortc`, which brings FFmpeg's libraries along (requirements-webrtc.txt)."""

import asyncio
import json
from contextlib import suppress
from typing import Any, TypeAlias

import aiohttp
import orjson

try:
    from aiortc import (
        InvalidStateError,
        RTCConfiguration,
        RTCDataChannel,
        RTCIceServer,
        RTCPeerConnection,
        RTCSessionDescription,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "aura_client.webrtc needs aiortc: see requirements-webrtc.txt", name=error.name
    ) from error

from aura_client.chat import SessionClient
from streaming.lines import FRAME_LIMIT, LineClosed, LineRefused
from streaming.protocol import frames
from streaming.protocol.client import DEFAULT_CREDIT
from streaming.protocol.codes import CloseCode, Mode
from streaming.protocol.datagrams import Joiner, cut
from streaming.protocol.errors import FrameError

# Seconds to meet the server, and for a goodbye to be heard.
OPENING = 10.0
GOODBYE = 2.0
# A killed server closes no data channel: after so many seconds without a word it is asked for one, and given up after as
# many again. ICE asks as often whether the other end still wants to be sent to (RFC 7675), but takes 30 s to conclude.
SILENCE = 5.0
# Bytes: what may wait for the line before we do; what a server may send beyond the credit it has.
BUFFER_HIGH = 65_536
BUFFER_LOW = 16_384
INBOX_LIMIT = DEFAULT_CREDIT + 2 * FRAME_LIMIT
# What a status of the signalling means as a close code: no other attempt makes these better.
_CODES = {
    401: CloseCode.UNAUTHENTICATED,
    403: CloseCode.FORBIDDEN_ORIGIN,
    404: CloseCode.UNSUPPORTED_VERSION,
    422: CloseCode.BAD_FRAME,
    501: CloseCode.UNSUPPORTED_VERSION,
}

Ending: TypeAlias = OSError | FrameError


class WebRtcClient(SessionClient):
    """As `Client`, over a data channel: `async with WebRtcClient("http://127.0.0.1:8000", key) as aura`.

    A server that says nothing for `silence` seconds is asked for a sign of life; without one in as many again the line
    counts as broken.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        mode: Mode = Mode.TOKEN,
        compress: bool = True,
        patience: float = 120.0,
        silence: float = SILENCE,
    ) -> None:
        url = url.rstrip("/")

        async def opening(url: str, key: str) -> DataChannelLine:
            line = DataChannelLine(silence)
            await line.open(url, key)
            return line

        super().__init__(url, key, opening, mode=mode, libraries=url if compress else "", patience=patience)


class DataChannelLine:
    """A line over a data channel (docs/reference/protocol.md, section 14). Call `open` first."""

    def __init__(self, silence: float = SILENCE) -> None:
        self._silence = silence
        self._peer: RTCPeerConnection
        self._channel: RTCDataChannel
        self._joiner = Joiner(FRAME_LIMIT)
        self._sent = 0
        # Frames, and behind them how the line ended.
        self._inbox: asyncio.Queue[bytes | Ending] = asyncio.Queue()
        self._waiting = 0
        self._ending: Ending | None = None
        self._met = asyncio.Event()
        self._room = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    async def open(self, url: str, key: str) -> None:
        """Meet the server at that address of its HTTP. Raises LineClosed, LineRefused, TimeoutError and FrameError, and
        ClientError (of aiohttp)."""
        headers = {"Authorization": f"Bearer {key}"}
        async with asyncio.timeout(OPENING), aiohttp.ClientSession(f"{url}/api/v1/webrtc/", headers=headers) as http:
            answer = await _asked(http.get("ice-servers"))
            servers = [RTCIceServer(**server) for server in answer["ice_servers"]]
            # An empty list must be said: without one the library asks a public server.
            self._peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
            try:
                await self._meet(http)
            except BaseException:
                await self.close()
                raise

    async def _meet(self, http: aiohttp.ClientSession) -> None:
        channel = self._channel = self._peer.createDataChannel("aura", protocol=frames.SUBPROTOCOL)
        channel.bufferedAmountLowThreshold = BUFFER_LOW
        channel.on("bufferedamountlow", self._room.set)
        channel.on("open", self._met.set)
        channel.on("message", self._on_message)
        channel.on("close", lambda: self._end(LineClosed(0)))
        self._peer.on("connectionstatechange", self._on_state)
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = await _asked(http.post("offer", json={"type": "offer", "sdp": self._peer.localDescription.sdp}))
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        except Exception as error:
            # The library meets nonsense with errors of every kind.
            raise FrameError(f"the answer to an offer makes no sense: {error}") from error
        await self._met.wait()
        if self._ending is not None:
            raise self._ending

    async def send(self, data: bytes) -> None:
        """See `Line`."""
        # Between two parts a ping may go out: it has a number of its own.
        number, self._sent = self._sent, self._sent + 1
        for datagram in cut(number, data):
            while self._channel.bufferedAmount > BUFFER_HIGH and self._ending is None:
                self._room.clear()
                await self._room.wait()
            self._put(datagram)

    def _put(self, datagram: bytes) -> None:
        if self._ending is not None:
            raise self._ending
        try:
            self._channel.send(datagram)
        except InvalidStateError:
            raise LineClosed(0) from None

    async def receive(self) -> bytes:
        """See `Line`. Raises FrameError for what no server sends."""
        try:
            return await self._next()
        except TimeoutError:
            for datagram in cut(self._sent, frames.encode(frames.Ping())):
                self._put(datagram)
            self._sent += 1
        try:
            return await self._next()
        except TimeoutError:
            raise LineClosed(0, "the server has gone silent") from None

    async def _next(self) -> bytes:
        async with asyncio.timeout(self._silence):
            found = await self._inbox.get()
        if not isinstance(found, bytes):
            raise found
        self._waiting -= len(found)
        return found

    async def close(self) -> None:
        """See `Line`."""
        if self._closing is None and self._ending is None:
            gone = asyncio.Event()
            self._channel.on("close", gone.set)
            with suppress(InvalidStateError, TimeoutError):
                self._channel.send(json.dumps({"code": CloseCode.NORMAL}))
                async with asyncio.timeout(GOODBYE):
                    await gone.wait()
        self.drop()
        if self._closing is not None:
            await self._closing

    def drop(self) -> None:
        """See `Line`."""
        if self._closing is None:
            self._end(LineClosed(0))
            self._closing = asyncio.ensure_future(self._peer.close())

    # -- what the library tells --------------------------------------------------------------------------------

    def _on_message(self, message: bytes | str) -> None:
        if self._ending is not None:
            return
        if isinstance(message, str):
            self._end(_goodbye(message))
            return
        try:
            for data in self._joiner.receive(message):
                self._waiting += len(data)
                self._inbox.put_nowait(data)
        except FrameError as error:
            self._end(error)
        if self._waiting > INBOX_LIMIT:
            self._end(FrameError("the server sends more than it has credit for"))

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._end(LineClosed(0))

    def _end(self, ending: "Ending") -> None:
        """Say how the line ended; the first word counts."""
        if self._ending is None:
            self._ending = ending
            self._inbox.put_nowait(ending)
        self._met.set()
        self._room.set()


def _goodbye(text: str) -> LineClosed:
    """Return what the server's goodbye means. One that makes no sense is a broken line."""
    try:
        said = json.loads(text)
        return LineClosed(int(said["code"]), str(said.get("reason", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return LineClosed(0)


async def _asked(request: "aiohttp.client._RequestContextManager") -> dict[str, Any]:
    """Return what the signalling answers. Raises LineClosed, LineRefused, FrameError, and ClientError (of aiohttp)."""
    async with request as response:
        body = await response.read()
        try:
            found = orjson.loads(body)
            reason = "" if response.ok else str(found["error"]["message"])
        except (ValueError, KeyError, TypeError):
            found, reason = None, f"the server answered an offer with status {response.status}"
        if response.ok and isinstance(found, dict):
            return found
        if response.status in _CODES:
            raise LineClosed(_CODES[response.status], reason)
        after = response.headers.get("Retry-After", "")
        raise LineRefused(reason, float(after) if after.isascii() and after.isdigit() else 1.0)
