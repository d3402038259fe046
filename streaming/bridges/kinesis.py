"""Amazon Kinesis. `kinesis://[KEY:SECRET@]REGION[?endpoint=URL&envelope=true]`, the channel is the stream.

Without a key the client finds one as all AWS clients do (environment, profile, role). Kinesis has no headers: with
`envelope=true` they stand before the body, as `aura1`, a line end, a JSON object, and a line end. Of one stream only one
record can be under way, because a request may succeed in parts; so messages of one stream that are sent together share a
record: `aura2`, a line end, a JSON list of [headers, bytes of the body], a line end, and the bodies. Shards that were split
or merged are read to their end before those that follow them.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import accumulate
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import orjson

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import BadAddress, Refused, Unavailable

PACKAGE = "aiobotocore>=3.10,<4"
ENVELOPE, TOGETHER = b"aura1\n", b"aura2\n"
# A record, body and partition key together; a request.
RECORD_LIMIT = 1_048_576
REQUEST_RECORDS, REQUEST_BYTES = 500, 5 * 1_048_576 - 65_536
# Where a shard that was read to its end stands.
END = "end"
# What stands before a time that is a position.
AT = "@"
# Seconds between two looks at a shard: Kinesis takes five a second from all readers together.
LOOK = 0.25
# Seconds between two looks at which shards there are.
SHARDS_LOOK = 30.0


class Kinesis:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        given = base.options(url, endpoint="", envelope="true")
        self._session = base.client("aiobotocore.session", PACKAGE)
        if not url.hostname:
            raise BadAddress("kinesis: an address is kinesis://REGION")
        endpoint = urlsplit(given["endpoint"])
        if given["endpoint"] and (endpoint.scheme not in ("http", "https") or not endpoint.hostname):
            raise BadAddress("kinesis: an endpoint is http://HOST:PORT or https://HOST:PORT, percent-encoded")
        self._envelope = given["envelope"] == "true"
        self._where: dict[str, Any] = {"region_name": url.hostname, "endpoint_url": given["endpoint"] or None}
        if url.username:
            self._where["aws_access_key_id"] = unquote(url.username)
            self._where["aws_secret_access_key"] = unquote(url.password or "")

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        return _Source(*await self._client(), channel, positions)

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`. Kinesis does not tell a shard's last number, so the position is a time."""
        stack, client = await self._client()
        async with stack, _said():
            answer = await client.list_shards(StreamName=channel)
        return {shard["ShardId"]: f"{AT}{time.time():.3f}" for shard in answer["Shards"]}

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        return _Sink(*await self._client(), channel, envelope=self._envelope)

    async def _client(self) -> tuple[AsyncExitStack, Any]:
        from aiobotocore.config import AioConfig

        # No retries by the client: a reader that begins again at its checkpoint is the one way out of trouble.
        config = AioConfig(connect_timeout=5, read_timeout=15, retries={"max_attempts": 0})
        stack = AsyncExitStack()
        async with _said():
            made = self._session.get_session().create_client("kinesis", config=config, **self._where)
            return stack, await stack.enter_async_context(made)


class _Source:
    ordered = True

    def __init__(self, stack: AsyncExitStack, client: Any, stream: str, positions: Mapping[str, str]) -> None:
        self._stack = stack
        self._client = client
        self._stream = stream
        self._positions = dict(positions)
        self._iterators: dict[str, str] = {}
        self._looked = -SHARDS_LOOK
        # What was read: records as they came, and the messages of the first of them.
        self._records: deque[tuple[str, dict[str, Any]]] = deque()
        self._ready: deque[Delivery] = deque()

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        clock = asyncio.get_running_loop().time
        end = clock() + WAIT
        async with _said():
            while not self._records and not self._ready:
                if clock() > self._looked + SHARDS_LOOK:
                    await self._find_shards()
                    self._looked = clock()
                for shard in list(self._iterators):
                    await self._read(shard, limit)
                if self._records:
                    break
                if clock() >= end:
                    return []
                await asyncio.sleep(LOOK)
        while self._records and len(self._ready) < limit:
            self._ready.extend(self._behind(*self._records.popleft()))
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def _behind(self, shard: str, record: dict[str, Any]) -> list[Delivery]:
        """Return the messages of a record, without those that the position is behind of."""
        found = _deliveries(shard, record)
        number, _, part = self._positions.get(shard, "").partition(".")
        return found[int(part) + 1 :] if part and record["SequenceNumber"] == number else found

    async def _find_shards(self) -> None:
        """Begin to read shards whose parents have been read to their ends."""
        answer = await self._client.list_shards(StreamName=self._stream)
        shards = {shard["ShardId"]: shard for shard in answer["Shards"]}
        for name, shard in shards.items():
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & set(shards)
            open_parents = [parent for parent in parents if self._positions.get(parent) != END]
            if name in self._iterators or self._positions.get(name) == END or open_parents:
                continue
            position = self._positions.get(name, "")
            number, _, part = position.partition(".")
            start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
            if position.startswith(AT):
                start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": float(position.removeprefix(AT))}
            elif number:
                # Within a record: it is read again, and its first messages are left out.
                kind = "AT_SEQUENCE_NUMBER" if part else "AFTER_SEQUENCE_NUMBER"
                start = {"ShardIteratorType": kind, "StartingSequenceNumber": number}
            answer = await self._client.get_shard_iterator(StreamName=self._stream, ShardId=name, **start)
            self._iterators[name] = answer["ShardIterator"]

    async def _read(self, shard: str, limit: int) -> None:
        answer = await self._client.get_records(ShardIterator=self._iterators[shard], Limit=limit)
        self._records.extend((shard, record) for record in answer["Records"])
        if answer.get("NextShardIterator"):
            self._iterators[shard] = answer["NextShardIterator"]
        else:
            # The end is not told to the books: read again after a restart, an ended shard says at once that it is.
            del self._iterators[shard]
            self._positions[shard] = END
            self._looked = -SHARDS_LOOK

    async def settle(self, deliveries: Sequence[Delivery]) -> None: ...

    async def aclose(self) -> None:
        await _close(self._stack)


class _Sink:
    mark = ""

    def __init__(self, stack: AsyncExitStack, client: Any, stream: str, *, envelope: bool) -> None:
        self._stack = stack
        self._client = client
        self._stream = stream
        self._envelope = envelope

    async def send(self, messages: Sequence[Message]) -> None:
        large = next((i for i, one in enumerate(messages) if _length(one) > RECORD_LIMIT), len(messages))
        async with _said():
            for part in _requests(self._records(messages[:large])):
                await self._put(part)
        if large < len(messages):
            raise Refused(large, f"Kinesis takes messages of at most {RECORD_LIMIT} bytes")

    def _records(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        if not self._envelope:
            return [{"Data": one.body, "PartitionKey": one.stream or "-"} for one in messages]
        return [{"Data": _packed(group), "PartitionKey": group[0].stream or "-"} for group in _groups(messages)]

    async def _put(self, records: Sequence[dict[str, Any]]) -> None:
        """Put records of different streams, or one: a request may succeed in parts, and no part of a stream may overtake."""
        answer = await self._client.put_records(StreamName=self._stream, Records=list(records))
        failed = [one.get("ErrorMessage") or one["ErrorCode"] for one in answer["Records"] if one.get("ErrorCode")]
        if failed:
            raise Unavailable(f"Kinesis: {failed[0]}")

    async def aclose(self) -> None:
        await _close(self._stack)


def _length(message: Message) -> int:
    """Return at least how many bytes a message needs in a record."""
    return len(message.body) + len(orjson.dumps(message.all_headers())) + 256


def _groups(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the messages of each stream in groups that fit into a record."""
    made: list[list[Message]] = []
    last: dict[str, tuple[list[Message], int]] = {}
    for message in messages:
        group, size = last.get(message.stream, ([], 0))
        length = _length(message)
        if not group or len(group) == BATCH or size + length > RECORD_LIMIT:
            group, size = [], 0
            made.append(group)
        group.append(message)
        last[message.stream] = group, size + length
    return made


def _packed(group: Sequence[Message]) -> bytes:
    """Return the record of a group."""
    if len(group) == 1:
        return ENVELOPE + orjson.dumps(group[0].all_headers()) + b"\n" + group[0].body
    heads = orjson.dumps([[one.all_headers(), len(one.body)] for one in group])
    return TOGETHER + heads + b"\n" + b"".join(one.body for one in group)


def _requests(records: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the records in rounds with at most one of each partition key, each as one request or more."""
    rounds: list[list[dict[str, Any]]] = []
    turns: dict[str, int] = {}
    for record in records:
        turn = turns[record["PartitionKey"]] = turns.get(record["PartitionKey"], -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(record)
    made: list[list[dict[str, Any]]] = []
    for one in rounds:
        made.append([])
        size = 0
        for record in one:
            size += len(record["Data"]) + 256
            if made[-1] and (len(made[-1]) == REQUEST_RECORDS or size > REQUEST_BYTES):
                made.append([])
                size = len(record["Data"]) + 256
            made[-1].append(record)
    return made


def _deliveries(shard: str, record: dict[str, Any]) -> list[Delivery]:
    """Return the messages of a record; one that makes no sense is a message of somebody else."""
    data, name = bytes(record["Data"]), record["SequenceNumber"]
    found = _unpacked(data) or [Message(data)]
    last = len(found) - 1
    arrived = record.get("ApproximateArrivalTimestamp")
    at = arrived.timestamp() if arrived is not None else 0.0
    return [
        Delivery(message, shard, name if number == last else f"{name}.{number}", (int(name) << 20) + number, at)
        for number, message in enumerate(found)
    ]


def _unpacked(data: bytes) -> list[Message]:
    """Return the messages that AURA packed into a record, none if it did not."""
    head, _, rest = data[len(ENVELOPE) :].partition(b"\n")
    with suppress(orjson.JSONDecodeError):
        if data.startswith(ENVELOPE) and _is_headers(headers := orjson.loads(head)):
            return [Message.arrived(rest, headers)]
        if data.startswith(TOGETHER) and _is_heads(heads := orjson.loads(head)):
            ends = list(accumulate(length for _, length in heads))
            if ends[-1] == len(rest):
                return [
                    Message.arrived(rest[end - length : end], headers)
                    for end, (headers, length) in zip(ends, heads, strict=True)
                ]
    return []


def _is_headers(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())


def _is_heads(found: Any) -> bool:
    return (
        isinstance(found, list)
        and 0 < len(found) <= BATCH
        and all(isinstance(one, list) and len(one) == 2 for one in found)
        and all(_is_headers(headers) and type(length) is int and length >= 0 for headers, length in found)
    )


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """Turn the client's errors into Unavailable."""
    from aiohttp import ClientError as HttpError
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, HttpError, OSError) as error:
        raise Unavailable(f"Kinesis: {error or type(error).__name__}") from None


async def _close(stack: AsyncExitStack) -> None:
    with suppress(Exception):
        await stack.aclose()
