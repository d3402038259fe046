"""By what a template earns its place: bytes, speed, or meaning. Measured on answers that were not mined."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from compression import codec
from compression.codec.model import Model
from compression.discovery.tokens import units
from compression.models import Measured

Worth = Measured.Worth

#: Texts that are timed for a template, and how often each: the best time is the one that nothing else disturbed.
TIMED: Final = 9
TIMES: Final = 3
#: A template is faster when a message takes at most this share of the time it takes without: clocks are not finer.
FASTER: Final = 0.9
#: The index under which libraries code while they are measured.
_INDEX: Final = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """What a template does for some texts, beside the model alone.

    `hits` are the texts that it makes, `used` those of them that take no more bytes by it than without it, so that they are
    coded by it; `saved` are the bytes that this saves in all. A message takes `micros` microseconds to code and decode where
    the template is known, `micros_without` where it is not, both 0 without hits.
    """

    hits: int
    used: int
    saved: int
    micros: float
    micros_without: float

    def worth(self, carrying: float, scale: float = 1.0) -> Measured.Worth:
        """Return by what the template earns its place: the first of bytes, speed and meaning that it does something for.

        `carrying` are the bytes that it adds to a download, earned back over `scale` times as many texts. Where the model
        is always smaller nothing is coded by the template.
        """
        if self.saved * scale > carrying:
            return Worth.BYTES
        if self.used and self.micros <= FASTER * self.micros_without:
            return Worth.SPEED
        return Worth.MEANING if self.used else Worth.NONE


class Judge:
    """Measures templates on `answers`, each as a whole and sentence by sentence, beside `model`; None for Brotli alone."""

    def __init__(
        self, answers: Sequence[str], model: Model | None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._units: Final = [unit for text in answers for unit in units(text)]
        self._model: Final = model
        self._clock: Final = clock
        self._alone: Final[dict[str, int]] = {}

    def judge(self, template: codec.Template) -> Figures:
        """Return the figures of a template. Takes some milliseconds, and one for each text that it makes."""
        hits = [(unit, slots) for unit in self._units if (slots := template.match(unit)) is not None]
        saved = [self._size(unit) - template.coded_size(slots) for unit, slots in hits]
        # Of two payloads of one size the template's is taken.
        used = [unit for (unit, _), size in zip(hits, saved, strict=True) if size >= 0]
        timed = (used or [unit for unit, _ in hits])[:TIMED]
        library = codec.Library([template])
        return Figures(
            len(hits),
            len(used),
            sum(size for size in saved if size > 0),
            self._micros(timed, library),
            self._micros(timed, None),
        )

    def _size(self, unit: str) -> int:
        if unit not in self._alone:
            self._alone[unit] = len(codec.encode(unit, None, _INDEX, self._model).data)
        return self._alone[unit]

    def _micros(self, units: Sequence[str], library: codec.Library | None) -> float:
        """Return the mean of the microseconds that a text takes from one side to the other."""
        libraries = {_INDEX: library} if library is not None else {}
        models = {_INDEX: self._model} if self._model is not None else {}
        total = 0.0
        for unit in units:
            taken = []
            for _ in range(TIMES):
                began = self._clock()
                codec.decode(codec.encode(unit, library, _INDEX, self._model).data, libraries, models=models)
                taken.append(self._clock() - began)
            total += min(taken)
        return 1e6 * total / max(1, len(units))
