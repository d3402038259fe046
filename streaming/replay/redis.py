"""The store of several server processes: Redis Streams, one Lua call for each batch of events.

Keys: `aura:stream:NAME` the events of a stream (the id of an entry is `epoch-(offset + 1)`, so Redis itself refuses what is
out of order), `aura:owner:NAME` the process that writes it, with an expiry. Channels: `aura:tail:NAME` the events as they
come, `aura:process:ID` messages for a process.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import orjson
import redis as redis_sync
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streaming.flow.events import StreamEvent
from streaming.replay.base import NOTE_EXPIRY, Tail
from streaming.replay.form import from_json, to_json

log = logging.getLogger(__name__)

# Seconds after which a writer that no longer renews its claim has lost its stream, and between two renewals.
LEASE = 4.0
RENEWAL = 1.0
# Entries kept of a stream; the record has the older ones.
KEPT = 8_192
# Batches that may wait for a tail; one that falls behind is told to read anew.
TAIL_LIMIT = 256

# KEYS: the stream. ARGV: channel, expiry in ms, entries kept, epoch, offset of the first event, the batch, each event.
_APPEND = """
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local epoch, last = tonumber(ARGV[4]), 0
if top[1] then
  local e, o = string.match(top[1][1], '^(%d+)-(%d+)$')
  if tonumber(e) > epoch then return 0 end
  if tonumber(e) == epoch then last = tonumber(o) end
end
for i = 7, #ARGV do
  local id = tonumber(ARGV[5]) + i - 6
  if id > last then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], epoch .. '-' .. string.format('%d', id), 'e', ARGV[i])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[1], ARGV[6])
return 1
"""
# KEYS: the claim. ARGV: the process, expiry in ms. Taking what one has already renews it.
_CLAIM = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def erase(url: str, names: Sequence[UUID]) -> None:
    """Delete the events of streams; for threads, not for an event loop. Without an answer of Redis it is logged: they go by
    themselves after STREAMING_REPLAY_TIME."""
    redis = redis_sync.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5)
    try:
        for first in range(0, len(names), 500):
            redis.unlink(*map(_key, names[first : first + 500]))
    except RedisError:
        log.exception("erased streams are still in Redis until they expire")
    finally:
        redis.close()


class RedisReplay:
    """`on_message` is called with what other processes `tell` this one; `expiry` is in seconds."""

    def __init__(self, url: str, expiry: float, on_message: Callable[[dict[str, Any]], None]) -> None:
        self.process = secrets.token_hex(8)
        self._redis: Any = Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5, health_check_interval=30)
        self._expiry = str(round(expiry * 1000))
        self._on_message = on_message
        self._append = self._redis.register_script(_APPEND)
        self._claim = self._redis.register_script(_CLAIM)
        self._release = self._redis.register_script(_RELEASE)
        self._held: set[UUID] = set()
        self._tails: dict[str, set[RedisTail]] = {}
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        self._subscribing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    # -- who writes --------------------------------------------------------------------------------------------

    async def claim(self, name: UUID) -> bool:
        """See `Replay`."""
        await self._begin()
        try:
            taken = await self._claim(keys=[_owner(name)], args=[self.process, round(LEASE * 1000)])
        except RedisError as error:
            raise OSError(f"Redis does not answer: {error}") from error
        if taken:
            self._held.add(name)
        return bool(taken)

    async def release(self, name: UUID) -> None:
        """See `Replay`."""
        self._held.discard(name)
        with _logged("a claim could not be released"):
            await self._release(keys=[_owner(name)], args=[self.process])

    async def owner(self, name: UUID) -> str | None:
        """See `Replay`. While Redis does not answer, somebody unknown is taken to write it."""
        try:
            found = await self._redis.get(_owner(name))
        except RedisError:
            return "unknown"
        return str(found.decode()) if found else None

    # -- events ------------------------------------------------------------------------------------------------

    async def append(self, name: UUID, epoch: int, events: Sequence[StreamEvent]) -> None:
        """See `Replay`."""
        each = [to_json(event) for event in events]
        batch = b"[" + b",".join(each) + b"]"
        args: list[Any] = [_channel(name), self._expiry, KEPT, epoch, events[0].offset, batch, *each]
        with _logged("events could not be shown to other processes"):
            await self._append(keys=[_key(name)], args=args)

    async def events(self, name: UUID, offset: int) -> list[StreamEvent]:
        """See `Replay`."""
        with _logged("events could not be read back"):
            found = await self._redis.xrange(_key(name), min=f"1-{offset + 1}")
            return [from_json(orjson.loads(fields[b"e"])) for _, fields in found]
        return []

    @asynccontextmanager
    async def tail(self, name: UUID) -> AsyncGenerator[Tail]:
        """See `Replay`."""
        await self._begin()
        channel = _channel(name)
        tail = RedisTail()
        tails = self._tails.setdefault(channel, set())
        tails.add(tail)
        try:
            with _logged("a stream cannot be followed"):
                async with self._subscribing:
                    await self._pubsub.subscribe(channel)
            yield tail
        finally:
            tails.discard(tail)
            if not tails and self._tails.get(channel) is tails:
                del self._tails[channel]
                with _logged("a stream could not be left"):
                    async with self._subscribing:
                        await self._pubsub.unsubscribe(channel)

    # -- between processes -------------------------------------------------------------------------------------

    async def tell(self, process: str, message: dict[str, Any]) -> None:
        """See `Replay`."""
        with _logged("another process could not be told"):
            await self._redis.publish(f"aura:process:{process}", orjson.dumps(message))

    async def note(self, name: UUID, text: str) -> None:
        """See `Replay`."""
        key = f"aura:notes:{name.hex}"
        with _logged("nothing could be noted"):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(key, self.process, orjson.dumps([time.time(), text]))
                pipe.pexpire(key, round(NOTE_EXPIRY * 1000))
                await pipe.execute()

    async def notes(self, name: UUID) -> list[str]:
        """See `Replay`."""
        found: dict[bytes, bytes] = {}
        with _logged("notes could not be read"):
            found = await self._redis.hgetall(f"aura:notes:{name.hex}")
        read = {process.decode(): orjson.loads(value) for process, value in found.items()}
        oldest = time.time() - NOTE_EXPIRY
        return [text for process, (at, text) in read.items() if at > oldest and process != self.process]

    async def aclose(self) -> None:
        """See `Replay`."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        with suppress(RedisError, OSError):
            await self._pubsub.aclose()
            await self._redis.aclose()

    async def _begin(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._listen())]

    async def _renew(self) -> None:
        """Renew the claims of this process, all of them in one round trip."""
        while True:
            await asyncio.sleep(RENEWAL)
            held = list(self._held)
            if not held:
                continue
            with _logged("claims could not be renewed"):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for name in held:
                        await self._claim(keys=[_owner(name)], args=[self.process, round(LEASE * 1000)], client=pipe)
                    await pipe.execute()

    async def _listen(self) -> None:
        """Hand out what comes on the channels; after a broken connection the client subscribes again by itself."""
        own = f"aura:process:{self.process}"
        while True:
            try:
                # Two that subscribe first at the same time would each open a connection, and one be lost.
                async with self._subscribing:
                    await self._pubsub.subscribe(own)
                while True:
                    message = await self._pubsub.get_message(timeout=30)
                    if message is not None:
                        self._dispatch(message["channel"].decode(), message["data"], own)
            except (RedisError, OSError) as error:
                log.warning("Redis does not answer, trying again: %s", error)
                await asyncio.sleep(1)

    def _dispatch(self, channel: str, data: bytes, own: str) -> None:
        content = orjson.loads(data)
        if channel == own:
            self._on_message(content)
            return
        events = [from_json(item) for item in content]
        for tail in self._tails.get(channel, ()):
            tail.put(events)


class RedisTail:
    """See `Tail`. Events that came while it was full are left out; the gap sends the reader back to the store."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[list[StreamEvent]] = asyncio.Queue(TAIL_LIMIT)

    def put(self, events: list[StreamEvent]) -> None:
        """Add events, or drop them when too many wait."""
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(events)

    async def take(self, patience: float) -> list[StreamEvent]:
        """See `Tail`."""
        try:
            async with asyncio.timeout(patience):
                return await self._waiting.get()
        except TimeoutError:
            return []


class _logged(suppress):  # noqa: N801 - a context manager
    """Log errors of Redis instead of raising them."""

    def __init__(self, what: str) -> None:
        super().__init__(RedisError, OSError)
        self._what = what

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if isinstance(error, RedisError | OSError):
            log.warning("%s: %s", self._what, error)
        return bool(super().__exit__(kind, error, trace))


def _key(name: UUID) -> str:
    return f"aura:stream:{name.hex}"


def _owner(name: UUID) -> str:
    return f"aura:owner:{name.hex}"


def _channel(name: UUID) -> str:
    return f"aura:tail:{name.hex}"
