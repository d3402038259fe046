"""An answer read aloud while it is written."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import aclosing

from streaming.audio.speakable import Speakable
from streaming.audio.stages import Stages
from streaming.flow.events import StreamChunk, StreamEnd, StreamFault
from streaming.protocol.codes import VoiceAction
from streaming.protocol.frames import Audio, Frame, Voice
from streaming.recorded import RecordedStream
from streaming.speech.base import NoEngine, Speech, SpeechError
from streaming.speech.engines import engines
from streaming.streams import Stream

log = logging.getLogger(__name__)

# Milliseconds of sound in a frame.
FRAME_MS = 100
# Seconds of sound that are sent ahead of what can have been heard: enough for a line that stumbles, and little is worked out
# for nothing when the listener interrupts.
AHEAD = 8.0
# Frames that are handed to the line at once.
AT_ONCE = 50
# Frames kept for a line that comes back.
KEPT = 300


class Speaking:
    """Reads one stream aloud: sentence by sentence, each as soon as it is there.

    `tell` sends frames; `room` waits until the line takes more. `since` is when the question ended (monotonic seconds).
    """

    def __init__(
        self,
        turn: int,
        speaker: Hashable,
        tell: Callable[..., None],
        room: Callable[[], Awaitable[None]],
        stages: Stages,
        since: float,
    ) -> None:
        self.turn = turn
        self.milliseconds = 0
        self.told = 0.0  # when the first piece of it went out (monotonic seconds)
        self.silent = ""  # why there is no sound
        self.fault = ""
        self._speaker = speaker
        self._tell = tell
        self._room = room
        self._stages = stages
        self._since = since
        self._asked = time.monotonic()
        self._sequence = 0
        self._began = 0.0  # when the first sound went out
        self._kept: deque[Audio] = deque(maxlen=KEPT)
        self._last: StreamEnd | None = None

    @property
    def playing(self) -> bool:
        """Return whether the listener can still be hearing it."""
        return self._began > 0 and time.monotonic() < self._began + self.milliseconds / 1_000

    @property
    def heard(self) -> int:
        """Return how many milliseconds of it can have been heard."""
        return min(self.milliseconds, round((time.monotonic() - self._began) * 1_000)) if self._began else 0

    def again_from(self, sequence: int) -> list[Frame]:
        """Return the frames from `sequence` on that were sent and are still kept."""
        return [frame for frame in self._kept if frame.sequence >= sequence]

    async def run(self, stream: Stream | RecordedStream) -> StreamEnd | None:
        """Read the stream to its end; return its end. What cannot be read aloud is passed over, and told."""
        speakable = Speakable()
        async with aclosing(stream.read(0)) as events:
            async for event in events:
                if isinstance(event, StreamChunk):
                    if event.offset == 0:
                        self._stages.add("first_text", (time.monotonic() - self._asked) * 1_000)
                    pieces = speakable.feed(event.text)
                else:
                    self._last = event
                    self.fault = event.message if isinstance(event, StreamFault) else ""
                    pieces = speakable.finish()
                for piece in pieces:
                    await self._say(piece)
        detail = {"ms": self.milliseconds, "silent": self.silent, "fault": self.fault}
        self._tell(Voice(action=VoiceAction.SPOKEN, turn=self.turn, sequence=self._sequence, detail=json.dumps(detail)))
        return self._last

    async def _say(self, text: str) -> None:
        speech = await self._synthesised(text)
        await self._room()
        caption = Voice(
            action=VoiceAction.SPEAKING,
            turn=self.turn,
            sequence=self._sequence,
            rate=speech.rate,
            text=text,
            detail=json.dumps({"ms": round(speech.seconds * 1_000), "silent": "" if speech.audio else self.silent}),
        )
        self.told = self.told or time.monotonic()
        if speech.audio and not self._began:
            self._began = time.monotonic()
            self._stages.add("first_audio", (self._began - self._since) * 1_000)
        self._tell(caption)
        frames = self._frames(speech)
        for start in range(0, len(frames), AT_ONCE):
            await self._room()
            self._tell(*frames[start : start + AT_ONCE])
        self.milliseconds += round(speech.seconds * 1_000)
        ahead = self._began + self.milliseconds / 1_000 - time.monotonic()
        if self._began and ahead > AHEAD:
            await asyncio.sleep(ahead - AHEAD)

    async def _synthesised(self, text: str) -> Speech:
        """Return a piece read aloud; silence, with the reason, when that is not possible."""
        began = time.perf_counter()
        try:
            speech: Speech = await engines.synthesiser().call(self._speaker, "speak", text)
        except NoEngine as error:
            self.silent = str(error)
            return Speech(b"", 16_000)
        except SpeechError as error:
            log.info("a sentence is not read aloud: %s", error)
            self.silent = str(error)
            return Speech(b"", 16_000)
        if not speech.audio:
            self.silent = "This voice does not speak the language of the answer."
        self._stages.add("synthesise", (time.perf_counter() - began) * 1_000)
        return speech

    def _frames(self, speech: Speech) -> list[Audio]:
        size = speech.rate * FRAME_MS // 1_000 * 2
        out: list[Audio] = []
        for start in range(0, len(speech.audio), size):
            out.append(Audio(self.turn, self._sequence, speech.audio[start : start + size]))
            self._sequence += 1
        self._kept.extend(out)
        return out
