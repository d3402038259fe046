"""Where a turn begins and ends, from the probabilities of speech frame by frame. Times are counted in frames of 32 ms."""

from dataclasses import dataclass
from enum import Enum, auto

from streaming.audio.activity import FRAME_MS


class Signal(Enum):
    """What a frame has decided."""

    BEGAN = auto()
    LULL = auto()  # a short silence: perhaps the end, time to begin transcribing
    WENT_ON = auto()  # it was not the end
    ENDED = auto()
    LIMIT = auto()  # ended because it was as long as a turn may be


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in milliseconds. `silence` ends a turn; `settled` does when the words so far make a whole sentence, which is
    found out by transcribing them after `lull`."""

    onset: float = 0.5
    offset: float = 0.35
    confirm: int = 96  # of speech before it counts
    lull: int = 64
    settled: int = 160
    silence: int = 704
    limit: int = 120_000


def frames(milliseconds: int) -> int:
    """Return the frames that last at least so long."""
    return max(1, -(-milliseconds // FRAME_MS))


class Endpointer:
    """Decides for one speaker. After LIMIT it hears nothing until there has been silence."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.reset()

    def reset(self) -> None:
        """Begin anew, in silence."""
        self.speaking = False
        self._run = 0  # frames of speech before a beginning
        self._quiet = 0  # frames of silence within a turn
        self._length = 0
        self._settled = False
        self._deaf = False

    @property
    def silence(self) -> int:
        """Frames of silence at the end of what was heard so far."""
        return self._quiet

    def settle(self) -> None:
        """Let a short silence do from now until speech goes on: what was said makes a whole sentence."""
        self._settled = True

    def observe(self, probability: float) -> Signal | None:
        """Return what the next frame decides, None when nothing."""
        rules = self.rules
        if self._deaf:
            self._quiet = self._quiet + 1 if probability < rules.offset else 0
            if self._quiet >= frames(rules.settled):
                self.reset()
            return None
        if not self.speaking:
            return self._before(probability)
        self._length += 1
        if probability >= (rules.offset if self._quiet == 0 else rules.onset):
            went_on = self._quiet >= frames(rules.lull)
            self._quiet, self._settled = 0, self._settled and not went_on
            if self._length >= frames(rules.limit):
                self.reset()
                self._deaf = True
                return Signal.LIMIT
            return Signal.WENT_ON if went_on else None
        self._quiet += 1
        if self._quiet >= frames(rules.settled if self._settled else rules.silence):
            self.reset()
            return Signal.ENDED
        return Signal.LULL if self._quiet == frames(rules.lull) else None

    def _before(self, probability: float) -> Signal | None:
        self._run = self._run + 1 if probability >= self.rules.onset else 0
        if self._run < frames(self.rules.confirm):
            return None
        self._length, self._run = self._run, 0
        self.speaking = True
        self._quiet, self._settled = 0, False
        return Signal.BEGAN
