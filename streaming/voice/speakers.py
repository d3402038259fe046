"""Who speaks in this process."""

import asyncio
from typing import Any

from django.conf import settings

from streaming.protocol.codes import FaultCode
from streaming.protocol.errors import FaultError
from streaming.sessions import Session
from streaming.speech.engines import engines
from streaming.voice.session import VoiceSession


class Speakers:
    """Voice sessions by user and name. One of a user listens at a time: the one that was asked last."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], VoiceSession] = {}
        self._leaving: dict[tuple[int, str], asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._warming: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def attach(self, user: Any, name: str, session: Session) -> tuple[VoiceSession, Session | None]:
        """Return the voice of that name, which speaks over `session` now, and the session that it is taken from, if any."""
        if self._warming is None:
            # Only now: most servers never hear a word, and the engines take memory.
            self._warming = asyncio.create_task(engines.warm_up())
        key = (user.pk, name)
        timer = self._leaving.pop(key, None)
        if timer is not None:
            timer.cancel()
        voice = self._known.get(key)
        if voice is None:
            voice = self._known[key] = VoiceSession(name, user, self.take_the_floor)
        before = voice.session
        if before is not None:
            before.voice = None
        voice.attach(session)
        return voice, before

    def detach(self, voice: VoiceSession, session: Session, *, leaving: bool) -> None:
        """Say that a line has gone: for good, or because it broke and may come back."""
        if voice.session is not session:
            return  # another has taken over
        voice.detach()
        if leaving:
            self._end(voice, leaving=True)
        else:
            loop = asyncio.get_running_loop()
            self._leaving[voice.key] = loop.call_later(
                settings.STREAMING_RESUME_GRACE, lambda: self._end(voice, leaving=False)
            )

    def take_the_floor(self, voice: VoiceSession) -> None:
        """Let one voice be the one that is listened to of its user. Raises FaultError when too many people speak."""
        listening = [other for other in self._known.values() if other.listening and other is not voice]
        own = [other for other in listening if other.user.pk == voice.user.pk]
        if len(listening) - len(own) >= settings.AURA_VOICE_SPEAKERS:
            raise FaultError(FaultCode.OVERLOADED, "as many people speak as this server can hear: try later", 0, 10_000)
        for other in own:
            other.mute("elsewhere")

    def _end(self, voice: VoiceSession, *, leaving: bool) -> None:
        self._known.pop(voice.key, None)
        self._leaving.pop(voice.key, None)
        task = asyncio.create_task(voice.aclose(leaving=leaving))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def counts(self) -> dict[str, Any]:
        """Return who is there, and what the engines have done."""
        return {
            "sessions": len(self),
            "listening": sum(voice.listening for voice in self._known.values()),
            "missing": engines.missing(),
            "engines": engines.counts(),
        }

    async def aclose(self) -> None:
        """End all of them, and the engines."""
        for voice in list(self._known.values()):
            self._end(voice, leaving=False)
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
            self._warming = None
        if self._ending:
            await asyncio.wait(self._ending)
        await engines.aclose()


speakers = Speakers()
