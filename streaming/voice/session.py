"""One person who speaks: the way from sound to a question, and from the answer to sound.

How many at once, and who is listened to, is decided by `streaming.voice.speakers`.
"""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.conf import settings

from audit.errors import AuditError
from audit.journal import journal
from audit.records.event import Kind
from streaming import chat, recorded
from streaming.audio import pcm
from streaming.audio.buffer import Began, Ended, Happening, Lull, Part, StreamingAudioBuffer, WentOn
from streaming.audio.endpoint import Rules
from streaming.audio.errors import AudioError
from streaming.audio.pcm import RATE
from streaming.audio.stages import Stages
from streaming.audio.words import Agreement, is_phantom, is_whole
from streaming.errors import StreamingError
from streaming.flow.bucket import TokenBucket
from streaming.identifiers import new_identifier
from streaming.messages import Message
from streaming.protocol.codes import FaultCode, VoiceAction, VoiceStyle
from streaming.protocol.errors import FaultError
from streaming.protocol.frames import Audio, Fault, Frame, Voice
from streaming.recorded import RecordedStream
from streaming.sessions import Session
from streaming.speech.base import NoEngine, SpeechError
from streaming.speech.engines import engines
from streaming.streams import Stream
from streaming.voice.hearing import Hearing
from streaming.voice.speaking import Speaking

log = logging.getLogger(__name__)

# Bytes of one chunk of sound: 0.7 s at the highest rate. Above INLINE the detector works in a thread.
CHUNK_LIMIT = 65_536
INLINE = 4_096
# Seconds of sound that may come at once, and how much faster than time they may come after that.
BURST = 30.0
PACE = 1.25
# Seconds between two captions of what is being said, and of new sound that is worth one.
CAPTION_EVERY = 1.5
CAPTION_LEAST = 0.4
# Milliseconds of speech without which a turn was a noise.
LEAST_VOICED = 160
# Milliseconds of an answer that nobody can have reacted to: who speaks then has only drawn breath.
UNHEARD = 250
# Seconds that a question waits for the model to have read what came before it.
PRIMING = 2.0
# Frames of sound that wait for the line before no more is worked out.
WAITING = 128
WORDS_TOLD = 400
# The highest number of a turn that a client may go on from.
TURNS_LIMIT = 1_000_000
# Seconds between two complaints about sound that comes too fast.
COMPLAIN_EVERY = 5.0

_ear = ThreadPoolExecutor(1, "ear")


class Turn:
    """What one person said once, and its answer."""

    def __init__(self, number: int, hearing: Hearing) -> None:
        self.number = number
        self.hearing = hearing
        self.task: asyncio.Task[None] | None = None
        self.priming: asyncio.Task[None] | None = None
        self.asking = False
        self.stopped = ""  # why
        self.stream: Stream | RecordedStream | None = None
        self.speaking: Speaking | None = None

    @property
    def unheard(self) -> bool:
        """Return whether its answer is none yet for who asked: it is not asked, not begun, or only just."""
        told = self.speaking.told if self.speaking is not None else 0.0
        if not told:
            return self.task is not None and not self.task.done()
        return time.monotonic() - told < UNHEARD / 1_000

    @property
    def answered(self) -> bool:
        """Return whether nothing of it is left to be said or heard."""
        done = self.task is None or self.task.done()
        return done and not (self.speaking is not None and self.speaking.playing)


class VoiceSession:
    """The voice of one page; see `streaming.sessions.Voice`. It outlives its line for as long as streams do."""

    def __init__(self, name: str, user: Any, take_the_floor: "Callable[[VoiceSession], None]") -> None:
        self.name = name
        self.user = user
        self.key = (user.pk, name)
        self._take_the_floor = take_the_floor
        self.session: Session | None = None
        self.stages = Stages()
        self.turns = 0
        self.interrupted = 0
        self.passed = 0
        self.dropped = 0
        self.understood = 0
        self._ear: StreamingAudioBuffer | None = None
        self._heard_before = StreamingAudioBuffer().counts
        self._listening: tuple[int, int, str] | None = None
        self._conversation = new_identifier()
        self._after: UUID | None = None  # what the next turn stands behind, when that is not the newest question
        self._model = ""
        self._language = ""
        self._turn: Turn | None = None  # what is being said
        self._answer: Turn | None = None  # what is being answered
        self._captions: asyncio.Task[None] | None = None
        self._attached = asyncio.Event()
        self._pace = TokenBucket(PACE, BURST, time.monotonic())
        self._complained = 0.0

    @property
    def listening(self) -> bool:
        return self._ear is not None

    # -- the line ----------------------------------------------------------------------------------------------

    def attach(self, session: Session) -> None:
        """Speak over that session from now on."""
        self.session = session
        session.voice = self
        self._attached.set()

    def detach(self) -> None:
        """The line is gone; it may come back."""
        self.session = None
        self._attached.clear()

    def tell(self, *out: Frame) -> None:
        """Send frames, if there is a line."""
        if self.session is not None:
            self.session.tell(*out)

    async def _room(self) -> None:
        """Return when the line is there and takes more."""
        while True:
            await self._attached.wait()
            try:
                if self.session is not None:
                    await self.session.room(WAITING)
                    return
            except OSError:
                self._attached.clear()

    # -- from the client ---------------------------------------------------------------------------------------

    async def receive(self, frame: Voice | Audio) -> None:
        """Act on a frame about speech. Raises FaultError."""
        if isinstance(frame, Audio):
            await self._hear(frame)
            return
        match frame.action:
            case VoiceAction.LISTEN:
                await self._listen(frame)
            case VoiceAction.BEGIN:
                await self._happened(self._the_ear().begin())
            case VoiceAction.END:
                await self._happened(self._the_ear().finish())
            case VoiceAction.MUTE:
                self.mute("asked")
            case _:
                raise FaultError(FaultCode.MALFORMED, "unknown action of the voice")

    def _the_ear(self) -> StreamingAudioBuffer:
        if self._ear is None:
            raise FaultError(FaultCode.MALFORMED, "nobody listens: send VOICE listen first")
        return self._ear

    async def _listen(self, frame: Voice) -> None:
        try:
            style = VoiceStyle(frame.style)
            pcm.check_rate(frame.rate)
            engines.recogniser()
        except AudioError as error:
            raise FaultError(FaultCode.BAD_AUDIO, str(error)) from None
        except NoEngine as error:
            raise FaultError(FaultCode.NO_VOICE, str(error)) from None
        except ValueError:
            raise FaultError(FaultCode.MALFORMED, "unknown style of listening") from None
        self._take_the_floor(self)
        # Turns of a server that was killed are not counted again.
        self.turns = max(self.turns, min(frame.turn, TURNS_LIMIT))
        wanted = (frame.rate, frame.style, frame.language)
        if self._ear is None or wanted != self._listening:
            self._deafen()
            rules = Rules(
                silence=round(settings.AURA_VOICE_SILENCE * 1_000),
                limit=round(settings.AURA_VOICE_TURN * 1_000),
            )
            hands_free = style == VoiceStyle.HANDS_FREE
            # The first one loads its network.
            detector = await asyncio.to_thread(engines.detector)
            self._ear = StreamingAudioBuffer(frame.rate, detector, rules, hands_free=hands_free)
        self._ear.renumber()
        self._listening = wanted
        self._model, self._language = frame.model, frame.language
        if frame.conversation:
            self._conversation = UUID(bytes=frame.conversation)
        self._after = UUID(bytes=frame.after) if frame.after else None
        detail = {"recogniser": engines.choice("recogniser"), "synthesiser": engines.choice("synthesiser")}
        self.tell(
            Voice(
                action=VoiceAction.READY,
                turn=self.turns,
                rate=RATE,
                conversation=self._conversation.bytes,
                detail=json.dumps(detail),
            )
        )
        # What was lost with a line that broke in the middle of an answer.
        answer = self._answer
        if answer is not None and answer.speaking is not None and frame.turn == answer.number and not answer.stopped:
            self.tell(*answer.speaking.again_from(frame.sequence))

    def mute(self, reason: str) -> None:
        """Hear nothing from now on; what is being said is forgotten, an answer goes on."""
        if self._ear is None:
            return
        self._deafen()
        self.tell(Voice(action=VoiceAction.MUTED, turn=self.turns, detail=json.dumps({"reason": reason})))

    def _deafen(self) -> None:
        if self._ear is not None:
            self._heard_before = _added(self._heard_before, self._ear.counts)
        self._ear = None
        self._stop_captions()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.hearing.cancel()

    # -- hearing -----------------------------------------------------------------------------------------------

    async def _hear(self, frame: Audio) -> None:
        ear = self._ear
        if ear is None:
            self.dropped += 1  # on its way when the microphone was closed
            return
        if len(frame.samples) > CHUNK_LIMIT:
            raise FaultError(FaultCode.TOO_LARGE, f"a chunk of sound has at most {CHUNK_LIMIT} bytes")
        assert self._listening is not None
        now = time.monotonic()
        if self._pace.take(len(frame.samples) / 2 / self._listening[0], now):
            self.dropped += 1
            if now - self._complained > COMPLAIN_EVERY:
                self._complained = now
                raise FaultError(
                    FaultCode.RATE_LIMITED,
                    "sound comes faster than it can be spoken: send it as it is recorded",
                    0,
                    1_000,
                )
            return
        try:
            if len(frame.samples) <= INLINE:
                happened = ear.push(frame.samples, frame.sequence)
            else:
                loop = asyncio.get_running_loop()
                happened = await loop.run_in_executor(_ear, ear.push, frame.samples, frame.sequence)
        except AudioError as error:
            self.dropped += 1
            raise FaultError(FaultCode.BAD_AUDIO, str(error)) from None
        if happened and ear is self._ear:
            await self._happened(happened)

    async def _happened(self, happened: Sequence[Happening]) -> None:
        for one in happened:
            turn = self._turn
            if isinstance(one, Began):
                await self._began()
            elif turn is None:
                continue
            elif isinstance(one, Lull):
                turn.hearing.guess(one.samples, lambda text, turn=turn: self._guessed(turn, text))  # type: ignore[misc]
            elif isinstance(one, WentOn):
                turn.hearing.forget_guess()
            elif isinstance(one, Part):
                turn.hearing.part(one.samples)
            else:
                self._ended(turn, one)

    async def _began(self) -> None:
        self.turns += 1
        hearing = Hearing(engines.recogniser(), self.key, self._language, self.stages)
        turn = self._turn = Turn(self.turns, hearing)
        self.tell(Voice(action=VoiceAction.HEARD, turn=turn.number))
        before = self._answer
        only_paused = before is not None and self._only_paused(before)
        if before is not None and only_paused:
            hearing.go_on_from(before.hearing)
            if not before.asking:
                assert before.task is not None
                before.task.cancel()
                self._answer = None
        self._captions = asyncio.create_task(self._caption(turn))
        await self._interrupt("went_on" if only_paused else "speech")
        turn.priming = asyncio.create_task(self._prime())

    def _only_paused(self, before: Turn) -> bool:
        """Return whether what was said before belongs to what is being said now. Who presses a button again begins anew,
        unless nobody has been asked yet."""
        if not before.unheard or before.stopped or before.hearing.seconds > settings.AURA_VOICE_TURN:
            return False
        return not before.asking or self._the_ear().hands_free

    async def _prime(self) -> None:
        """Have the model read the conversation so far while the next question is spoken."""
        try:
            await chat.prime(self._conversation, self._after, self._model, self.user)
        except AuditError as error:
            log.debug("no conversation to be read: %s", error)

    def _guessed(self, turn: Turn, text: str) -> None:
        if self._turn is turn and self._ear is not None and is_whole(text):
            self._ear.settle()

    def _ended(self, turn: Turn, ended: Ended) -> None:
        self._turn = None
        self._stop_captions()
        now = time.monotonic()
        if ended.voiced < LEAST_VOICED and not turn.hearing.parts:
            turn.hearing.cancel()
            self._pass(turn, "silence")
            return
        turn.hearing.finish(ended.samples)
        self.stages.add("end_of_turn", ended.silence)
        self._answer = turn
        turn.task = asyncio.create_task(self._answered(turn, ended, now - ended.silence / 1_000))

    def _pass(self, turn: Turn, reason: str) -> None:
        self.passed += 1
        self.tell(Voice(action=VoiceAction.PASSED, turn=turn.number, detail=json.dumps({"reason": reason})))

    async def _caption(self, turn: Turn) -> None:
        """Show what is being said, as far as it is certain. It may change: the transcript is what counts."""
        agreement = Agreement()
        size = 0
        while True:
            await asyncio.sleep(CAPTION_EVERY)
            ear = self._ear
            if ear is None or self._turn is not turn:
                return
            samples = ear.samples
            if turn.hearing.guessing or abs(len(samples) - size) < CAPTION_LEAST * RATE:
                continue
            size = len(samples)
            try:
                heard = await engines.recogniser().call(
                    self.key, "transcribe", samples, language=self._language, passing=True
                )
            except SpeechError:
                continue
            if self._turn is turn:
                certain, rest = agreement.push(heard.text)
                detail = json.dumps({"tentative": rest}, ensure_ascii=False)
                self.tell(Voice(action=VoiceAction.PARTIAL, turn=turn.number, text=certain, detail=detail))

    def _stop_captions(self) -> None:
        if self._captions is not None:
            self._captions.cancel()
            self._captions = None

    # -- answering ---------------------------------------------------------------------------------------------

    async def _answered(self, turn: Turn, ended: Ended, since: float) -> None:
        try:
            await self._ask(turn, ended, since)
        except SpeechError as error:
            self._fail(turn, FaultCode.SPEECH_FAILED, str(error))
        except StreamingError as error:
            self._fail(turn, error.code, str(error), round((error.retry_after or 0) * 1_000))
        except AuditError as error:
            self._fail(turn, FaultCode.named(getattr(error, "code", "")), str(error))
        except Exception:
            log.exception("a turn of %s could not be answered", self.name)
            self._fail(turn, FaultCode.INTERNAL, "AURA failed here. Say it again.")

    def _fail(self, turn: Turn, code: FaultCode, message: str, retry_after: int = 0) -> None:
        self.tell(Fault(0, code, message, int(code.retry), retry_after))
        self._pass(turn, "failed")

    async def _ask(self, turn: Turn, ended: Ended, since: float) -> None:
        heard = await turn.hearing.transcript()
        if is_phantom(heard.text, ended.voiced):
            self._pass(turn, "no_words")
            return
        message = self._message(heard.text, heard.language, turn, ended)
        turn.asking = True
        if turn.priming is not None:
            # What it reads would have to be read anyway.
            await asyncio.wait([turn.priming], timeout=PRIMING)
        began = time.monotonic()
        stream = turn.stream = await chat.ask(message, self.user)
        self._after = None  # what is said next stands behind this
        self.stages.add("record", (time.monotonic() - began) * 1_000)
        self.understood += 1
        if settings.AURA_VOICE_KEEP_AUDIO:
            await self._keep(message, turn)
        self.tell(
            Voice(
                action=VoiceAction.TRANSCRIPT,
                turn=turn.number,
                conversation=message.conversation.bytes,
                stream=message.stream.bytes,
                text=heard.text,
                language=heard.language,
                detail=json.dumps({"reason": ended.reason, "speech_ms": ended.voiced}),
            )
        )
        if turn.stopped:
            # The task that answers must have begun: one that is cancelled before leaves no end on the record.
            await asyncio.sleep(0)
            await self._end_answer(turn, message)
            return
        speaking = turn.speaking = Speaking(turn.number, self.key, self.tell, self._room, self.stages, since)
        await speaking.run(stream)
        await self._report(turn)

    def _message(self, text: str, language: str, turn: Turn, ended: Ended) -> Message:
        voice = {
            "session": self.name,
            "turn": turn.number,
            "recogniser": engines.choice("recogniser"),
            "language": language,
            "speech_ms": ended.voiced,
        }
        return Message(
            user_id=self.user.pk,
            actor=self.user.get_username(),
            conversation=self._conversation,
            stream=new_identifier(),
            text=text,
            model=self._model,
            meta={"voice": voice},
            after=self._after,
        )

    async def _keep(self, message: Message, turn: Turn) -> None:
        """Put the sound itself on the record, under the key of the person whose voice it is."""
        entries = [
            recorded.entry(
                message,
                Kind.CONTROL,
                meta={
                    "action": "audio",
                    "part": number,
                    "rate": RATE,
                    "pcm": base64.b64encode(pcm.encode(samples)).decode(),
                },
            )
            for number, samples in enumerate(turn.hearing.parts)
        ]
        await journal().append(entries)

    async def _report(self, turn: Turn) -> None:
        words: list[list[Any]] = []
        try:
            words = [[word.text, word.start, word.end] for word in await turn.hearing.words()][:WORDS_TOLD]
        except SpeechError:
            log.debug("no times of words: the engine has more to do")
        detail = json.dumps({**self.summary(), "words": words}, ensure_ascii=False)
        self.tell(Voice(action=VoiceAction.REPORT, turn=turn.number, detail=detail))

    # -- being interrupted -------------------------------------------------------------------------------------

    async def barge_in(self) -> None:
        """Be silent at once, and end the answer."""
        await self._interrupt("asked")

    async def _interrupt(self, reason: str) -> None:
        turn = self._answer
        if turn is None or turn.answered or turn.stopped:
            return
        turn.stopped = reason
        speaking = turn.speaking
        engines.hush(self.key)
        if speaking is None:
            return  # it is being asked at this moment, and hears of it then
        assert turn.task is not None
        turn.task.cancel()
        stream = turn.stream
        assert stream is not None
        message = Message(self.user.pk, self.user.get_username(), stream.conversation, stream.name, "")
        await self._end_answer(turn, message)

    async def _end_answer(self, turn: Turn, message: Message) -> None:
        """Put on the record that the answer was interrupted, end it, and say so."""
        self.interrupted += 1
        speaking, stream = turn.speaking, turn.stream
        meta: dict[str, Any] = {"action": "barge_in", "reason": turn.stopped}
        if speaking is not None:
            meta |= {"heard_ms": speaking.heard, "spoken_ms": speaking.milliseconds}
        if isinstance(stream, Stream):
            stream.cancel()
        try:
            await journal().append([recorded.entry(message, Kind.CONTROL, meta=meta)])
        except AuditError:
            log.exception("that %s was interrupted is not on the record", message.stream)
        detail = json.dumps({name: value for name, value in meta.items() if name != "action"})
        self.tell(Voice(action=VoiceAction.STOPPED, turn=turn.number, detail=detail))

    # -- the end -----------------------------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """Return counts and times for the statistics."""
        counts = self._heard_before
        if self._ear is not None:
            counts = _added(counts, self._ear.counts)
        return {
            "voice": self.name,
            "listening": self.listening,
            "turns": self.turns,
            "understood": self.understood,
            "passed": self.passed,
            "interrupted": self.interrupted,
            "chunks": counts.chunks,
            "chunks_missing": counts.missing,
            "chunks_twice": counts.twice,
            "chunks_dropped": self.dropped,
            "heard_s": round(counts.samples / RATE, 2),
            "stages": self.stages.summary(),
        }

    async def aclose(self, *, leaving: bool) -> None:
        """End: forget what is being said; an answer that nobody else reads ends as other streams do."""
        self._deafen()
        engines.forget(self.key)
        answer, self._answer = self._answer, None
        if answer is None or answer.task is None:
            return
        answer.task.cancel()
        await asyncio.wait([answer.task])
        if isinstance(answer.stream, Stream):
            answer.stream.release(leaving=leaving)


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two `Counts`."""
    return type(one)(*(getattr(one, name) + getattr(other, name) for name in one.__dataclass_fields__))
