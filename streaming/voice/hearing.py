"""What was said in one turn: its parts go to the recogniser as soon as they are there."""

import asyncio
import time
from collections.abc import Callable, Hashable

from streaming.audio.pcm import RATE, Samples
from streaming.audio.stages import Stages
from streaming.audio.words import spoken_words
from streaming.speech.base import SpeechError, Transcript, Word
from streaming.speech.engines import Engine


class Hearing:
    """Transcribes a turn. `before` is what was heard of a turn that nobody has answered yet: it belongs to this one.

    At a lull what there is so far is transcribed on the chance that the turn is over (`guess`): when it is, the transcript
    is there already.
    """

    def __init__(self, engine: Engine, speaker: Hashable, language: str, stages: Stages) -> None:
        self.language = language
        self.guessing = False
        self.parts: list[Samples] = []
        self._engine = engine
        self._speaker = speaker
        self._stages = stages
        self._tasks: list[asyncio.Task[Transcript]] = []
        self._guess: asyncio.Task[Transcript] | None = None

    @property
    def seconds(self) -> float:
        """Return how long the parts are."""
        return sum(len(part) for part in self.parts) / RATE

    def go_on_from(self, before: "Hearing") -> None:
        """Take over what an earlier turn has heard."""
        self.parts = [*before.parts, *self.parts]
        self._tasks = [*before._tasks, *self._tasks]

    def part(self, samples: Samples) -> None:
        """Add a part that is certain to belong to the turn."""
        self.forget_guess()
        self.parts.append(samples)
        self._tasks.append(asyncio.create_task(self._transcribe(samples)))

    def guess(self, samples: Samples, then: Callable[[str], None]) -> None:
        """Transcribe what may be the last part; `then` is called with its text unless the turn goes on meanwhile."""
        self.forget_guess()
        self.guessing = True
        task = self._guess = asyncio.create_task(self._transcribe(samples))

        def tell(done: asyncio.Task[Transcript]) -> None:
            if self._guess is task and not done.cancelled() and done.exception() is None:
                then(done.result().text)

        task.add_done_callback(tell)

    def forget_guess(self) -> None:
        """The turn goes on: what was guessed is not the last part."""
        self.guessing = False
        guess, self._guess = self._guess, None
        if guess is not None:
            guess.cancel()

    def finish(self, samples: Samples) -> None:
        """End the turn; `samples` are its last part. What was guessed of it holds: behind it there was silence."""
        if self._guess is None:
            self.part(samples)
            return
        self.parts.append(samples)
        self._tasks.append(self._guess)
        self._guess = None

    async def transcript(self) -> Transcript:
        """Return what was said. Raises SpeechError when none of it was understood."""
        # Not gathered: who stops waiting here must not cancel what another turn goes on from.
        if self._tasks:
            await asyncio.wait(self._tasks)
        heard = await asyncio.gather(*self._tasks, return_exceptions=True)
        texts = [one for one in heard if isinstance(one, Transcript)]
        if heard and not texts:
            error = heard[0]
            raise error if isinstance(error, SpeechError) else SpeechError("that could not be understood")
        words = " ".join(filter(None, (spoken_words(one.text) for one in texts)))
        return Transcript(words, next((one.language for one in texts if one.language), self.language))

    async def words(self) -> list[Word]:
        """Return the words with their times in the turn, as far as the recogniser has time for that. Raises SpeechError."""
        out: list[Word] = []
        before = 0
        for samples in self.parts:
            heard = await self._engine.call(
                self._speaker, "transcribe", samples, language=self.language, timed=True, passing=True
            )
            out += [Word(word.text, word.start + before, word.end + before) for word in heard.words]
            before += len(samples) * 1_000 // RATE
        return out

    def cancel(self) -> None:
        """Forget all of it."""
        self.forget_guess()
        for task in self._tasks:
            task.cancel()

    async def _transcribe(self, samples: Samples) -> Transcript:
        began = time.perf_counter()
        heard: Transcript = await self._engine.call(self._speaker, "transcribe", samples, language=self.language)
        self._stages.add("transcribe", (time.perf_counter() - began) * 1_000)
        return heard
