"""Topics: publish and subscribe. A topic is a stream without end that many may write, by way of one process."""

import asyncio
import logging
import re
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from channels.db import database_sync_to_async

from audit import selectors
from audit.errors import AuditError
from audit.journal import journal
from audit.records.event import Event, Kind
from compression.codec.payload import Encoded
from streaming import coding, recorded
from streaming.errors import Malformed, Overloaded, ReadOnly, ResumeImpossible, UnknownStream
from streaming.feed import Feed
from streaming.flow.events import StreamChunk, StreamEvent
from streaming.protocol.codec import SessionCodec
from streaming.replay.base import Replay, Writer

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64}){0,7}\Z")
# The first part of names that mean something of one's own to every user.
PRIVATE = "my"
# The first part of names under which the server says who comes and goes; it alone writes there.
PRESENCE = "presence"
NAME_LIMIT = 128
# Ids of events kept, so that an event published again is not a second one; and codings kept for further subscribers.
RECENT_LIMIT = 1_024
CODED_LIMIT = 64
# Events of one commit, and events that may wait for theirs.
BATCH = 256
WAITING_LIMIT = 4_096
# Events read from the record at a time.
PAGE = 200
# Seconds after which a topic that nobody uses leaves memory.
UNUSED = 30.0


@lru_cache(4096)
def topic_id(name: str, user_id: int) -> UUID:
    """Return the name of the topic's stream. Raises UnknownStream for a name that no topic can have.

    Names that begin with `my/` are each user's own.
    """
    if len(name) > NAME_LIMIT or not _NAME.match(name):
        raise UnknownStream("a topic is named by parts of letters, digits, '.', '_' and '-', joined by '/'")
    own = f"user/{user_id}/" if name.split("/", maxsplit=1)[0] == PRIVATE else ""
    return uuid5(NAMESPACE_URL, f"aura:topic:{own}{name}")


def check_public(name: str) -> None:
    """Raise ReadOnly for a topic that nobody but the server publishes to."""
    if name.split("/", maxsplit=1)[0] == PRESENCE:
        raise ReadOnly(f"only the server writes in {PRESENCE}/: subscribe to it, and publish under another name")


def event_text(actor: str, kind: str, data: Any) -> str:
    """Return the text of an event as it is recorded and sent: JSON with `from`, `kind`, `at` (ms) and `data`. Raises
    Malformed for data that can be read and not be written: orjson writes 254 levels and reads 1,024."""
    event = {"from": actor, "kind": kind, "at": time.time_ns() // 1_000_000, "data": data}
    try:
        return orjson.dumps(event).decode()
    except orjson.JSONEncodeError as error:
        raise Malformed(f"the data of an event cannot be written as JSON: {error}") from None


@dataclass(slots=True)
class _Waiting:
    """An event that waits for its commit, and who waits for its offset."""

    actor: str
    text: str
    asking: "list[asyncio.Future[int]]"

    def settle(self, outcome: int | AuditError) -> None:
        """Tell those who have not gone."""
        for asker in self.asking:
            if asker.done():
                continue
            if isinstance(outcome, AuditError):
                asker.set_exception(outcome)
            else:
                asker.set_result(outcome)


class Topic(Feed):
    """One topic in this process, written here or mirrored."""

    def __init__(self, name: UUID, title: str, replay: Replay, window: int, events: Sequence[StreamChunk]) -> None:
        super().__init__(window, start=events[0].offset if events else 0)
        self.name = name
        self.title = title
        self.owner_id = 0
        self.owned = False
        self.writer: Writer | None = None
        self.present: Counter[str] = Counter()
        self.encodes = 0
        self.events = 0
        self.used = time.monotonic()
        self._replay = replay
        self._writing: asyncio.Task[None] | None = None
        self._waiting: dict[bytes, _Waiting] = {}
        self._recent: OrderedDict[bytes, int] = OrderedDict()
        self._coded: OrderedDict[tuple[int, str, int], Encoded | asyncio.Future[Encoded]] = OrderedDict()
        self._parsed: tuple[int, Mapping[str, Any]] = (-1, {})
        super().publish(events)

    @property
    def watched(self) -> bool:
        """Return whether anybody reads here, or did a moment ago."""
        return bool(self._readers) or time.monotonic() - self.used < UNUSED

    # -- writing -----------------------------------------------------------------------------------------------

    async def write(self, identifier: bytes, actor: str, text: str) -> int:
        """Put an event on the record and before the readers; return its offset. The same id again is the same event.

        Only in the process that owns the topic. What comes while a commit runs goes into the next one together. Raises
        audit's errors; Conflict when another process owns the topic by now.
        """
        known = self._recent.get(identifier)
        if known is not None:
            return known
        waiting = self._waiting.get(identifier)
        if waiting is None:
            if len(self._waiting) >= WAITING_LIMIT:
                raise Overloaded("this topic gets more events than can be written: send it again", 1)
            waiting = self._waiting[identifier] = _Waiting(actor, text, [])
            if self._writing is None:
                self._writing = asyncio.create_task(self._write())
        # One for each who asks: who goes away takes nothing with him.
        offset: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting.asking.append(offset)
        return await offset

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch = list(self._waiting.items())[:BATCH]
                offsets = range(self.next_offset, self.next_offset + len(batch))
                error = await self._commit(batch, offsets)
                for (identifier, waiting), offset in zip(batch, offsets, strict=True):
                    del self._waiting[identifier]
                    if error is None:
                        self._remember(identifier, offset)
                    waiting.settle(error or offset)
        finally:
            self._writing = None

    async def _commit(self, batch: Sequence[tuple[bytes, "_Waiting"]], offsets: range) -> AuditError | None:
        """Record and publish a batch; return what went wrong."""
        at = recorded.now_us()
        rows = [
            Event(
                kind=Kind.CHUNK,
                conversation=self.name,
                stream=self.name,
                epoch=self.epoch,
                offset=offset,
                actor=waiting.actor,
                at=at,
                text=waiting.text,
                meta={"topic": self.title, "id": identifier.hex()},
            )
            for (identifier, waiting), offset in zip(batch, offsets, strict=True)
        ]
        try:
            await journal().append(rows)
        except AuditError as error:
            return error
        events = chunks(rows)
        self.publish(events)
        await self._replay.append(self.name, self.epoch, events)
        return None

    def remember(self, entries: Sequence[Event]) -> None:
        """Know the ids of events on the record."""
        for entry in entries:
            self._remember(bytes.fromhex(str(entry.meta.get("id", ""))), entry.offset)

    def _remember(self, identifier: bytes, offset: int) -> None:
        if identifier:
            self._recent[identifier] = offset
            if len(self._recent) > RECENT_LIMIT:
                self._recent.popitem(last=False)

    def publish(self, events: Sequence[StreamEvent]) -> None:
        """See `Feed`."""
        self.events += len(events)
        self.used = time.monotonic()
        super().publish(events)

    # -- reading -----------------------------------------------------------------------------------------------

    async def read_newest(self, offset: int) -> AsyncGenerator[StreamEvent]:
        """Yield events from `offset` on; a reader that is too slow misses those that memory no longer holds."""
        while True:
            try:
                async for event in super().read(offset):
                    yield event
                    offset = event.offset + 1
                return
            except ResumeImpossible:
                offset = self._log.first

    async def _older(self, offset: int) -> Sequence[StreamEvent]:
        older = [event for event in await self.on_record(offset) if event.offset < self._log.first]
        if not older or older[0].offset != offset:
            raise ResumeImpossible("those events are no longer kept: subscribe anew")
        return older

    async def on_record(self, offset: int) -> Sequence[StreamEvent]:
        """Return events from `offset` on that stand on the record, a page of them."""
        return chunks(await entries(self.name, offset))

    # -- for many subscribers ----------------------------------------------------------------------------------

    def parsed(self, event: StreamChunk) -> Mapping[str, Any]:
        """Return an event as filters see it; the newest is kept, as all subscribers want it at the same time."""
        if self._parsed[0] != event.offset:
            found = orjson.loads(event.text)
            self._parsed = (event.offset, found if isinstance(found, dict) else {})
        return self._parsed[1]

    async def coded(self, offset: int, text: str, codec: SessionCodec) -> Encoded:
        """Return the payload of an event: made once for all sessions that use the same library."""
        library = codec.libraries.get(codec.active)
        name = library.hash if library is not None else "plain" if codec.plain else ""
        key = (offset, f"{name} {codec.active in codec.models}", codec.active)
        known = self._coded.get(key)
        if known is None:
            self.encodes += 1
            known = coding.encode_short(codec, text) or asyncio.ensure_future(coding.encode(codec, text))
            self._coded[key] = known
            if len(self._coded) > CODED_LIMIT:
                self._coded.popitem(last=False)
        if isinstance(known, Encoded):
            return known
        try:
            return await asyncio.shield(known)
        except Exception:
            self._coded.pop(key, None)
            raise


async def entries(name: UUID, offset: int, limit: int = PAGE) -> list[Event]:
    """Return entries of a topic from the record; the newest for a negative offset."""
    read = database_sync_to_async(selectors.events_between, thread_sensitive=False)
    found: list[Event] = await read(name, offset, limit)
    return found


def chunks(found: Sequence[Event]) -> list[StreamChunk]:
    """Return what readers get of entries."""
    return [StreamChunk(entry.offset, entry.text) for entry in found]
