"""The ear of a session: audio that arrives in numbered chunks becomes turns."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from streaming.audio import pcm
from streaming.audio.activity import FRAME, FRAME_MS, Detector, Fall, LoudnessDetector
from streaming.audio.endpoint import Endpointer, Rules, Signal
from streaming.audio.pcm import RATE, Samples

#: Seconds before speech is recognised that belong to the turn: the first consonant is quiet.
PREROLL: Final = 0.32
#: Engines hear at most 30 s at once; from here on a turn is cut at its quietest place.
LONGEST_PART: Final = 24.0
_SEARCH: Final = 6.0


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody speaks."""


@dataclass(frozen=True, slots=True)
class Lull:
    """A short silence. `samples` is the turn's last part so far."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class WentOn:
    """The silence was none of the end."""


@dataclass(frozen=True, slots=True)
class Part:
    """A long turn's samples up to a quiet place; the turn goes on behind it."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Ended:
    """A turn is over: `samples` is its last part. `voiced` (ms) is how much of the turn is speech, `silence` (ms) how long
    it was quiet at its end, `reason` silence, limit or asked."""

    samples: Samples
    voiced: int
    silence: int
    reason: str


Happening: TypeAlias = Began | Lull | WentOn | Part | Ended


@dataclass(slots=True)
class Counts:
    """What came: chunks, those that came twice or never, those of no use, and samples at 16 kHz."""

    chunks: int = 0
    twice: int = 0
    missing: int = 0
    dropped: int = 0
    samples: int = 0


@dataclass(slots=True)
class _Turn:
    pieces: list[Samples] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    voiced: int = 0

    @property
    def samples(self) -> Samples:
        return np.concatenate(self.pieces) if self.pieces else np.zeros(0, np.float32)


class StreamingAudioBuffer:
    """Takes chunks of 16-bit PCM, and returns what they mean.

    `hands_free`: the detector decides where turns begin and end. Else `begin` and `finish` do, and the detector only says
    whether anything was said. Memory is bounded by LONGEST_PART and the pre-roll.
    """

    def __init__(
        self,
        rate: int = RATE,
        detector: Detector | None = None,
        rules: Rules | None = None,
        *,
        hands_free: bool = True,
    ) -> None:
        """Raises AudioError for a rate that is not possible."""
        self.counts = Counts()
        self.hands_free = hands_free
        self.level = 0.0
        self._detector = detector or LoudnessDetector()
        self._endpointer = Endpointer(rules)
        self._fall = Fall()
        self._resampler = pcm.Resampler(pcm.check_rate(rate), RATE)
        self._rest: Samples = np.zeros(0, np.float32)
        self._preroll: deque[Samples] = deque(maxlen=max(1, round(PREROLL * RATE / FRAME)))
        self._turn: _Turn | None = None
        self._asked_length = 0
        self._next: int | None = None

    @property
    def hearing(self) -> bool:
        """Return whether a turn has begun."""
        return self._turn is not None

    @property
    def samples(self) -> Samples:
        """Return the last part of the turn so far."""
        return self._turn.samples if self._turn is not None else np.zeros(0, np.float32)

    def settle(self) -> None:
        """Let a short silence end the turn: what was said so far makes a whole sentence."""
        self._endpointer.settle()

    def push(self, data: bytes, sequence: int | None = None) -> list[Happening]:
        """Add a chunk; `sequence` numbers it. One that came before is passed over. Raises AudioError."""
        samples = pcm.decode(data)
        if sequence is not None:
            due = sequence if self._next is None else self._next
            if sequence < due:
                self.counts.twice += 1
                return []
            self.counts.missing += sequence - due
            self._next = sequence + 1
        self.counts.chunks += 1
        heard = self._resampler.push(samples)
        self.counts.samples += len(heard)
        line = np.concatenate((self._rest, heard))
        happened: list[Happening] = []
        whole = len(line) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            happened += self._hear(line[start : start + FRAME])
        self._rest = line[whole:]
        return happened

    def renumber(self) -> None:
        """Let the next chunk have any number."""
        self._next = None

    def begin(self) -> list[Happening]:
        """Begin a turn now, whoever speaks (push-to-talk)."""
        if self._turn is not None:
            return []
        self._open()
        self._asked_length = 0
        return [Began()]

    def finish(self) -> list[Happening]:
        """End the turn now."""
        if self._turn is None:
            return []
        self._turn.pieces.append(self._rest)
        self._rest = np.zeros(0, np.float32)
        silence = self._endpointer.silence
        self._endpointer.reset()
        return [self._close("asked", silence)]

    def drop(self) -> None:
        """Forget the turn that has begun, and what was heard before it."""
        self._turn = None
        self._endpointer.reset()
        self._detector.reset()
        self._fall.reset()
        self._preroll.clear()
        self._rest = np.zeros(0, np.float32)

    def _open(self) -> _Turn:
        self._turn = _Turn(list(self._preroll), [0.0] * len(self._preroll))
        self._preroll.clear()
        return self._turn

    def _close(self, reason: str, silence: int) -> Ended:
        turn, self._turn = self._turn, None
        assert turn is not None
        return Ended(turn.samples, turn.voiced * FRAME_MS, silence * FRAME_MS, reason)

    def _hear(self, frame: Samples) -> list[Happening]:
        probability = self._detector(frame)
        self.level = float(np.sqrt(np.mean(np.square(frame))))
        if self._fall(self.level, speech=probability >= self._endpointer.rules.onset):
            probability = 0.0
        silence = self._endpointer.silence + 1
        signal = self._endpointer.observe(probability)
        turn = self._turn
        if turn is None:
            self._preroll.append(frame)
            if signal is not Signal.BEGAN or not self.hands_free:
                return []
            self._open().voiced = self._endpointer_confirmed()
            return [Began()]
        turn.pieces.append(frame)
        turn.levels.append(self.level)
        turn.voiced += probability >= self._endpointer.rules.onset
        if not self.hands_free:
            self._asked_length += 1
            if self._asked_length * FRAME_MS >= self._endpointer.rules.limit:
                self._endpointer.reset()
                return [self._close("limit", 0)]
        return self._within(turn, signal, silence)

    def _endpointer_confirmed(self) -> int:
        return -(-self._endpointer.rules.confirm // FRAME_MS)

    def _within(self, turn: _Turn, signal: Signal | None, silence: int) -> list[Happening]:
        if signal is Signal.LULL:
            return [Lull(turn.samples)]
        if signal is Signal.WENT_ON:
            return [WentOn()]
        if signal in (Signal.ENDED, Signal.LIMIT) and self.hands_free:
            return [self._close("silence" if signal is Signal.ENDED else "limit", silence)]
        if len(turn.pieces) * FRAME >= LONGEST_PART * RATE:
            return [self._cut(turn)]
        return []

    def _cut(self, turn: _Turn) -> Part:
        """Cut at the quietest frame of the last seconds."""
        levels = turn.levels[-round(_SEARCH * RATE / FRAME) :]
        place = len(turn.pieces) - len(levels) + int(np.argmin(levels))
        part = np.concatenate(turn.pieces[:place])
        turn.pieces, turn.levels = turn.pieces[place:], turn.levels[place:]
        return Part(part)
