"""A speaker on a real line, who sends frames and waits for what is said back."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from streaming.audio import pcm
from streaming.audio.pcm import RATE, Samples
from streaming.protocol import frames
from streaming.protocol.codes import VoiceAction
from streaming.speech.doubles import spell
from tests.live import LiveServer

CHUNK = 512


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


class VoiceLine:
    """`async with VoiceLine(server, "name") as line`."""

    def __init__(self, live: LiveServer, name: str, key: str = "") -> None:
        self.url = live.ws.replace("/ws/chat/", f"/ws/audio/{name}/")
        self.headers = {"Authorization": f"Bearer {key or live.key}"}
        self.line: ClientConnection
        self.seen: list[frames.Frame] = []
        self.sequence = 0

    async def __aenter__(self) -> Self:
        self.line = await connect(
            self.url, subprotocols=[Subprotocol("aura.v1")], additional_headers=self.headers, max_size=None
        )
        await self.send(frames.Hello(version=(1,), mode=2, client="test"))
        await self.frame(frames.Welcome)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.line.close()

    async def send(self, frame: frames.Frame) -> None:
        await self.line.send(frames.encode(frame))

    async def listen(self, **fields: Any) -> frames.Voice:
        await self.send(frames.Voice(action=VoiceAction.LISTEN, **{"rate": RATE, **fields}))
        return await self.voice(VoiceAction.READY)

    async def act(self, action: VoiceAction) -> None:
        await self.send(frames.Voice(action=action))

    async def sound(self, samples: Samples, *, pace: float = 0.0) -> None:
        """Send samples in chunks of 32 ms; `pace` 1 is as they are recorded."""
        data = pcm.encode(samples)
        for start in range(0, len(data), CHUNK * 2):
            await self.send(frames.Audio(0, self.sequence, data[start : start + CHUNK * 2]))
            self.sequence += 1
            if pace:
                await asyncio.sleep(CHUNK / RATE * pace)

    async def say(self, text: str) -> None:
        """Say a text in the doubles' way, with silence behind it."""
        await self.sound(np.concatenate((silence(0.2), spell(text), silence(1.0))))

    async def next(self) -> frames.Frame:
        async with asyncio.timeout(30):
            while True:
                data = await self.line.recv()
                assert isinstance(data, bytes)
                frame = frames.decode(data)
                if isinstance(frame, frames.Ping):
                    await self.send(frames.Pong(frame.data))
                    continue
                self.seen.append(frame)
                return frame

    async def frame(self, kind: type[Any]) -> Any:
        """Return the next frame of a kind; those before it are passed over."""
        while not isinstance(frame := await self.next(), kind):
            pass
        return frame

    async def voice(self, *actions: VoiceAction) -> frames.Voice:
        """Return the next VOICE frame of one of the actions. A FAULT that comes first fails the test."""
        while True:
            frame = await self.next()
            assert not isinstance(frame, frames.Fault), frame
            if isinstance(frame, frames.Voice) and frame.action in actions:
                return frame

    def sounds(self, turn: int) -> bytes:
        """Return the sound of a turn that has come, checked to be without a gap."""
        parts = [frame for frame in self.seen if isinstance(frame, frames.Audio) and frame.turn == turn]
        assert [part.sequence for part in parts] == list(range(len(parts)))
        return b"".join(part.samples for part in parts)


def detail(frame: frames.Voice) -> Any:
    return json.loads(frame.detail)
