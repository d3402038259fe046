"""A session of the protocol over a WebRTC data channel, from the client's side."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from streaming.protocol import frames
from streaming.protocol.client import ClientEvent, ClientSession, Ended, Failed, Reading
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import Mode
from streaming.protocol.datagrams import DATAGRAM_SIZE, Joiner, cut
from tests.live import LiveServer


def post(server: LiveServer, data: Any, key: str | None = None, **headers: str) -> tuple[int, Any]:
    """Return status and body of an offer."""
    names = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key != "":
        names["Authorization"] = f"Bearer {key or server.key}"
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    request = urllib.request.Request(f"{server.url}/api/v1/webrtc/offer", body, names)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text


def without_aiortc(server: LiveServer, folder: Path) -> None:
    """Let the server, when it starts again, find no aiortc."""
    (folder / "aiortc.py").write_text("raise ModuleNotFoundError('No module named aiortc', name='aiortc')\n")
    server.environment["PYTHONPATH"] = str(folder)


class RtcLine:
    """`async with RtcLine(server) as line`, then `follow` a reading of `line.session`."""

    def __init__(self, server: LiveServer, mode: Mode = Mode.TOKEN, credit: int = 0, **channel: Any) -> None:
        self.session = ClientSession(SessionCodec(4_000_000), mode=mode)
        self.server = server
        self.sizes: list[int] = []
        self.goodbye: dict[str, Any] | None = None
        self._credit = credit
        self._options = {"protocol": "aura.v1", **channel}

    async def __aenter__(self) -> "RtcLine":
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drop()

    async def connect(self) -> None:
        """Meet the server, or once more after a broken line."""
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("aura", **self._options)
        self.closed = asyncio.Event()
        self._opened = asyncio.Event()
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._joiner, self._sent = Joiner(8_000_000), 0
        self.channel.on("open", self._opened.set)
        self.channel.on("message", self._on_message)
        self.channel.on("close", self._on_close)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"type": "offer", "sdp": self.peer.localDescription.sdp}
        status, answer = await asyncio.to_thread(post, self.server, offer)
        assert status == 200, answer
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        await asyncio.wait_for(self._opened.wait(), 20)
        self.session.connect()
        if self._credit:
            self.session.to_send[0] = frames.Hello(version=(1,), mode=self.session.mode, credit=self._credit)

    async def drop(self) -> None:
        """Break the line without a goodbye."""
        await self.peer.close()

    def leave(self) -> None:
        """Say goodbye."""
        self.channel.send(json.dumps({"code": 1000}))

    def _on_message(self, message: bytes | str) -> None:
        if isinstance(message, str):
            self.goodbye = json.loads(message)
            return
        self.sizes.append(len(message))
        for data in self._joiner.receive(message):
            self._inbox.put_nowait(data)

    def _on_close(self) -> None:
        self.closed.set()
        self._inbox.put_nowait(None)

    def send(self, *raw: bytes) -> None:
        """Send messages as they are."""
        for data in raw:
            for datagram in cut(self._sent, data):
                assert len(datagram) <= DATAGRAM_SIZE
                self.channel.send(datagram)
            self._sent += 1

    def flush(self) -> None:
        out, self.session.to_send = self.session.to_send, []
        self.send(*(frames.encode(frame) for frame in out))

    async def frame(self) -> bytes:
        """Return the next frame's bytes. Raises EOFError when the channel was closed."""
        data = await asyncio.wait_for(self._inbox.get(), 30)
        if data is None:
            raise EOFError
        return data

    async def receive(self) -> list[ClientEvent]:
        """Take one frame."""
        data = await self.frame()
        events = self.session.receive(data, frames.decode(data))
        self.flush()
        return events

    async def follow(self, reading: Reading) -> list[ClientEvent]:
        """Return the events of a reading up to its end."""
        self.flush()
        found: list[ClientEvent] = []
        while not found or not isinstance(found[-1], Ended | Failed):
            found += [event for event in await self.receive() if getattr(event, "reading", None) is reading]
        return found
