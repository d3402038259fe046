"""WebSocket for speech: a session of the chat that hears and speaks, too (docs/reference/protocol.md, section 17)."""

import re
from typing import Any

from streaming.protocol.codes import CloseCode
from streaming.sessions import Session
from streaming.transports.websocket import ChatConsumer
from streaming.voice.session import VoiceSession
from streaming.voice.speakers import speakers

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
# The transports of voice sessions, to close one that another page takes over.
_carriers: dict[Session, "AudioConsumer"] = {}


class AudioConsumer(ChatConsumer):
    """Carries one session and the voice that the path names."""

    transport = "audio"
    voice: VoiceSession | None = None

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        await super().websocket_connect(message)
        if self.connection is None:
            return
        name = self.scope["url_route"]["kwargs"]["session_id"]
        if not _NAME.match(name):
            await self.refuse(CloseCode.BAD_FRAME, "a voice is named by 1 to 64 letters, digits, - and _")
            return
        if self.json is not None:
            await self.refuse(CloseCode.UNSUPPORTED_VERSION, "sound is binary: offer aura.v1")
            return
        _carriers[self.session] = self
        self.voice, before = speakers.attach(self.session.user, name, self.session)
        other = _carriers.get(before) if before is not None else None
        if other is not None:
            await other.refuse(CloseCode.REPLACED, "this voice goes on over another line")

    async def _leave(self, *, leaving: bool) -> None:
        if self.voice is not None and self.connection is not None:
            _carriers.pop(self.session, None)
            speakers.detach(self.voice, self.session, leaving=leaving)
        await super()._leave(leaving=leaving)
