"""Matching texts against the library in use, and collecting answers for discovery."""

import itertools
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from django.apps import apps

from compression.codec import Library, default_library

if TYPE_CHECKING:
    from compression.samples import Sampler

#: How many answers are kept, and how many characters one may have: 16 MB of text at most, of Latin letters.
MAX_SAMPLES: Final = 1_000
MAX_SAMPLE_LENGTH: Final = 16_384


class TemplateMatch(NamedTuple):
    """The template that makes a text, and the values of its slots."""

    template_id: int
    slots: list[str]


class TemplateManager:
    """Matches texts against a library, and records answers.

    With `auto_update` the manager follows the active library (compression.selectors), else it stays with the one it
    began with. Where Django is not set up, and so no library is active, it uses the default library.

    What is recorded is counted, kept in a bounded buffer of this process, oldest out first, and in a server given to the
    sampler (compression.samples), which redacts it and stores it for discovery.
    """

    def __init__(self, auto_update: bool = True) -> None:
        self.auto_update: Final = auto_update
        self._library = _library_in_use()
        self._samples: deque[str] = deque(maxlen=MAX_SAMPLES)
        # `next` on a count is atomic, as is `append` on a deque: no lock is needed.
        self._counter = itertools.count(1)
        self._recorded = 0
        self._sampler = _sampler()

    @property
    def library(self) -> Library:
        """The library that texts are matched against."""
        if self.auto_update:
            self._library = _library_in_use()
        return self._library

    @property
    def recorded(self) -> int:
        """How many answers were recorded so far, those no longer kept included."""
        return self._recorded

    @property
    def samples(self) -> list[str]:
        """The answers that are kept, oldest first."""
        return list(self._samples)

    def match_template(self, text: str) -> TemplateMatch | None:
        """Return the template that makes the whole of `text` with the smallest payload, or None."""
        match = self.library.match(text)
        return match and TemplateMatch(match.template.id, match.slots)

    def record_response(self, text: str, user: object = "") -> None:
        """Keep an answer for discovery. Returns at once: it appends to buffers of bounded size.

        `user` is the primary key of the user that it was given to; answers without one count as those of a single user, and
        so never make a template alone. An answer longer than MAX_SAMPLE_LENGTH is counted, not kept.
        """
        self._recorded = next(self._counter)
        if len(text) <= MAX_SAMPLE_LENGTH:
            self._samples.append(text)
            if self._sampler is not None:
                self._sampler.record(user, text)


def _library_in_use() -> Library:
    if not apps.models_ready or not apps.is_installed("compression"):
        return default_library()
    from compression import selectors

    return selectors.active_library()


def _sampler() -> "Sampler | None":
    if not apps.models_ready or not apps.is_installed("compression"):
        return None
    from compression.samples import sampler

    return sampler
