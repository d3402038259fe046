"""Redis Streams. `redis://[USER:PASSWORD@]HOST[:PORT]/DB[?maxlen=N]`, the channel is the key.

What is safe in Redis depends on its own settings: only with `appendonly yes` does a message outlive a crash of the server.
A message is the fields `body` and `headers` (a JSON object: many fields would cost the client more than all
else). What others write without a field `body` comes as a JSON object of its fields.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, urlunsplit

import orjson
from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import BadAddress, Unavailable

BODY, HEADERS = b"body", b"headers"
# A batch in one call with one answer: each command by itself would have two, which cost the client more than all else.
ADD = """
for i = 2, #ARGV, 2 do
  if ARGV[1] == '0' then
    redis.call('XADD', KEYS[1], '*', 'body', ARGV[i], 'headers', ARGV[i + 1])
  else
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'body', ARGV[i], 'headers', ARGV[i + 1])
  end
end
"""
# Seconds until a server that says nothing counts as away.
PATIENCE = 10.0


class Redis:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        given = base.options(url, maxlen="0")
        if not given["maxlen"].isdigit():
            raise BadAddress("redis: maxlen is a number of messages that are kept, 0 for all")
        if url.netloc:
            base.port_of("redis", url.netloc.rpartition("@")[2])
        if not url.path.removeprefix("/").isdigit() and url.path not in ("", "/"):
            raise BadAddress("redis: the number of a database stands behind HOST:PORT/")
        self._keep = int(given["maxlen"]) or None
        self._url = urlunsplit((url.scheme, url.netloc, url.path, "", ""))

    def _client(self) -> Client:
        # No retries by the client: a reader that begins again at its checkpoint is the one way out of trouble.
        try:
            found: Client = Client.from_url(
                self._url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
            )
        except ValueError as error:
            raise BadAddress(f"redis: {error}") from None
        return found

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        return _Source(self._client(), channel, positions.get("", "0-0"))

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`."""
        client = self._client()
        try:
            async with _said():
                found: Any = await client.xrevrange(channel, count=1)
        finally:
            await _close(client)
        return {"": found[0][0].decode() if found else "0-0"}

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        return _Sink(self._client(), channel, self._keep)


class _Source:
    ordered = True

    def __init__(self, client: Client, key: str, position: str) -> None:
        self._client = client
        self._key = key
        self._position = position

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        async with _said():
            streams: dict[Any, Any] = {self._key: self._position}
            found: Any = await self._client.xread(streams, count=limit, block=int(WAIT * 1000))
        if not found:
            return []
        pairs = found[self._key.encode()][0] if isinstance(found, dict) else found[0][1]
        deliveries = [_delivery(identifier.decode(), fields) for identifier, fields in pairs]
        self._position = deliveries[-1].position
        return deliveries

    async def settle(self, deliveries: Sequence[Delivery]) -> None: ...

    async def aclose(self) -> None:
        await _close(self._client)


class _Sink:
    mark = ""

    def __init__(self, client: Client, key: str, keep: int | None) -> None:
        self._client = client
        self._key = key
        self._keep = keep

    async def send(self, messages: Sequence[Message]) -> None:
        given: list[Any] = [self._keep or 0]
        for message in messages:
            given += (message.body, orjson.dumps(message.all_headers()))
        async with _said():
            waiting: Any = self._client.eval(ADD, 1, self._key, *given)
            await waiting

    async def aclose(self) -> None:
        await _close(self._client)


def _delivery(identifier: str, fields: dict[bytes, bytes]) -> Delivery:
    packed = fields.pop(HEADERS, b"{}") if BODY in fields else b"{}"
    body = fields.pop(BODY, None)
    texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    message = Message(orjson.dumps(texts)) if body is None else Message.arrived(body, {**texts, **_headers(packed)})
    at, _, number = identifier.partition("-")
    return Delivery(message, "", identifier, (int(at) << 20) + int(number), int(at) / 1000)


def _headers(packed: bytes) -> dict[str, str]:
    with suppress(orjson.JSONDecodeError):
        found = orjson.loads(packed)
        if isinstance(found, dict):
            return {name: value for name, value in found.items() if isinstance(value, str)}
    return {}


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """Turn the client's errors into Unavailable."""
    try:
        yield
    except (RedisError, OSError, asyncio.IncompleteReadError) as error:
        raise Unavailable(f"Redis: {error or type(error).__name__}") from None


async def _close(client: Client) -> None:
    with suppress(RedisError, OSError):
        await client.aclose()
