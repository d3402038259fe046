"""Voice activity: how probable it is that a frame holds speech."""

import math
from typing import Final, Protocol

import numpy as np

from streaming.audio.pcm import RATE, Samples

#: Samples that a detector looks at: 32 ms, what Silero's network was trained with.
FRAME: Final = 512
FRAME_MS: Final = FRAME * 1_000 // RATE


class Detector(Protocol):
    """Listens to one speaker."""

    def __call__(self, frame: Samples) -> float:
        """Return the probability, 0 to 1, that the next FRAME samples hold speech."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


class LoudnessDetector:
    """Tells speech by its loudness above the noise around it: root mean square against a floor that follows the quietest.

    It needs no model. Music and slammed doors are speech to it, which a neural detector tells apart.
    """

    #: Full scale is 1. Quieter than this is silence, whatever the floor.
    QUIETEST: Final = 0.004
    #: Decibels above the floor at which both are equally probable.
    MARGIN: Final = 9.0
    #: By how much the floor rises in a frame (2.7 dB a second), so that a noise that stays is taken for what it is; the dips
    #: between syllables bring it down again.
    RISE: Final = 1.01
    #: What is heard first is the noise around, unless it is as loud as speech.
    FIRST: Final = 0.02

    def __init__(self) -> None:
        self._floor = 0.0

    def __call__(self, frame: Samples) -> float:
        level = float(np.sqrt(np.mean(np.square(frame, dtype=np.float64))))
        self._floor = self._floor or min(max(level, self.QUIETEST), self.FIRST)
        if not level > self.QUIETEST:
            self._floor = max(self.QUIETEST / 4, min(self._floor * self.RISE, level))
            return 0.0
        above = 20 * math.log10(level / self._floor)
        self._floor = min(self._floor * self.RISE, level)
        return 1 / (1 + math.exp(self.MARGIN - above))

    def reset(self) -> None:
        self._floor = 0.0


class Fall:
    """Tells that a speaker has fallen silent, some 100 ms before a neural detector believes it: by how far the sound has
    fallen below the speech before it. Where noise fills the pauses it never tells, and the detector decides alone."""

    #: Decibels below the loudest speech of the last seconds. Quiet consonants lie there, too, but are shorter than a pause.
    DEPTH: Final = 30.0
    #: By how much the loudest fades in a frame (8 dB a second): who goes on more softly is heard again.
    FADE: Final = 0.97

    def __init__(self) -> None:
        self._loudest = 0.0
        self._share = 10 ** (-self.DEPTH / 20)

    def __call__(self, level: float, *, speech: bool) -> bool:
        """Return whether a frame of that root mean square, which the detector takes for speech or not, is a pause."""
        self._loudest *= self.FADE
        if speech:
            self._loudest = max(self._loudest, level)
        return level < self._loudest * self._share

    def reset(self) -> None:
        """Forget how loud it was."""
        self._loudest = 0.0
