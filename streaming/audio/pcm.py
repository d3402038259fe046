"""Samples: 16-bit PCM, little-endian, mono, and a change of their rate that does not depend on how they are divided."""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streaming.audio.errors import AudioError

Samples: TypeAlias = NDArray[np.float32]

#: Samples a second that all engines hear with.
RATE: Final = 16_000
LOWEST_RATE: Final = 8_000
HIGHEST_RATE: Final = 48_000
_SCALE: Final = 32_768.0
#: Samples that are quieter are silence to a listener: 50 dB below full scale.
AUDIBLE: Final = 0.003
#: Zero crossings of the sinc on either side. 16 keep aliases 60 dB down, and cost 10 us for 32 ms.
_CROSSINGS: Final = 16


def check_rate(rate: int) -> int:
    """Return the rate. Raises AudioError for one that speech is not recorded with."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(
            f"a rate of {rate} is not possible: record with {LOWEST_RATE} to {HIGHEST_RATE} samples a second"
        )
    return rate


def decode(data: bytes) -> Samples:
    """Return samples from -1 to 1. Raises AudioError for an odd number of bytes."""
    if len(data) % 2:
        raise AudioError("an odd number of bytes: send whole 16-bit samples, least significant byte first")
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(_SCALE)


def encode(samples: Samples) -> bytes:
    """Return samples as bytes; what is beyond -1 and 1 is cut, what is no number is silence."""
    whole = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * _SCALE
    cut: NDArray[np.int16] = np.clip(np.rint(whole), -32_768, 32_767).astype("<i2")
    return cut.tobytes()


def trimmed(samples: Samples, rate: int, lead: float, trail: float) -> Samples:
    """Return samples with at most `lead` and `trail` seconds of silence around what can be heard; none if nothing can be."""
    heard = np.flatnonzero(np.abs(samples) > AUDIBLE)
    if not len(heard):
        return samples[:0]
    return samples[max(0, heard[0] - round(lead * rate)) : heard[-1] + 1 + round(trail * rate)]


class Resampler:
    """Changes the rate of samples that come in pieces: a sinc under a Hann window (J. O. Smith, Digital Audio Resampling).

    The result is the same however the input is divided, to the precision of its numbers. It lags by `lag` seconds.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._cutoff = min(1.0, target / source)
        self._half = math.ceil(_CROSSINGS / self._cutoff)
        self._line: Samples = np.zeros(self._half, np.float32)
        # Where the next sample is taken, in the line, in units of 1 / target.
        self._next = self._half * target
        self._offsets = np.arange(1 - self._half, self._half + 1)

    @property
    def lag(self) -> float:
        return 0.0 if self._source == self._target else self._half / self._source

    def push(self, samples: Samples) -> Samples:
        """Return the samples at the new rate that the input so far determines and that were not returned yet."""
        if self._source == self._target:
            return samples
        self._line = np.concatenate((self._line, samples))
        room = (len(self._line) - 1 - self._half) * self._target - self._next
        count = max(0, room // self._source + 1)
        places = self._next + self._source * np.arange(count)
        whole, part = places // self._target, (places % self._target) / self._target
        distance = self._offsets[None, :] - part[:, None]
        kernel = self._cutoff * np.sinc(self._cutoff * distance) * (0.5 + 0.5 * np.cos(np.pi * distance / self._half))
        taken = self._line[whole[:, None] + self._offsets[None, :]]
        self._next += self._source * count
        passed = max(0, self._next // self._target - self._half)
        self._line = self._line[passed:]
        self._next -= passed * self._target
        out: Samples = np.einsum("ij,ij->i", taken, kernel).astype(np.float32)
        return out
