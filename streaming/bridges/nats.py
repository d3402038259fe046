"""NATS JetStream. `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][?create=true]`, the channel is the subject.

A stream of the server must take the subject; with `create=true` one of the same name is made. The server itself leaves out
what is sent twice within its window (two minutes by default): the id of a message is its stream, epoch and offset.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any
from urllib.parse import SplitResult, unquote, urlunsplit

import orjson

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import Refused, Unavailable

PACKAGE = "nats-py>=2.16,<3"
# What the server tells duplicates by.
ID = "Nats-Msg-Id"
# What stands before the place of a message.
PLACE = "$JS.ACK."
PATIENCE = 10.0
# What the server is asked for at a time: so many messages, until so many seconds have gone by, and so many bytes, unless
# one message may have more.
ASKED_FOR = BATCH
ASKED_SECONDS = 5.0
ASKED_BYTES = 16 * 1_048_576
# Statuses that end a request: nothing is there, its time is over.
OVER = ("404", "408")


class Nats:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        self._create = base.options(url, create="false")["create"] == "true"
        self._nats = base.client("nats", PACKAGE)
        login, _, host = url.netloc.rpartition("@")
        base.port_of("nats", host)
        user, colon, password = (unquote(part) for part in login.partition(":"))
        # By itself it is a token. In the address the client would take them as they are encoded.
        self._login = {"user": user, "password": password} if colon else {"token": user} if user else {}
        self._url = urlunsplit((url.scheme, host, "", "", ""))

    async def source(self, channel: str, positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        start = int(positions.get("", "0")) + 1
        source = _Source()
        connection = source.connection = await self._connect(source.lost)
        async with _said(), base.closing_on_failure(lambda: _close(connection)):
            jetstream = connection.jetstream(timeout=PATIENCE)
            stream = await self._stream(jetstream, channel)
            config = ConsumerConfig(
                filter_subject=channel,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=start,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=60.0,
            )
            consumer = (await jetstream.add_consumer(stream, config)).name
            source.subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
            source.inbox = connection.new_inbox()
            await connection.subscribe(source.inbox, cb=source.arrived)
        return source

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`."""
        connection = await self._connect(_ignored)
        try:
            async with _said():
                jetstream = connection.jetstream(timeout=PATIENCE)
                info = await jetstream.stream_info(await self._stream(jetstream, channel))
        finally:
            await _close(connection)
        return {"": str(info.state.last_seq)}

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        sink = _Sink(channel)
        connection = sink.connection = await self._connect(sink.lost)
        async with _said(), base.closing_on_failure(lambda: _close(connection)):
            await self._stream(connection.jetstream(timeout=PATIENCE), channel)
            sink.inbox = connection.new_inbox()
            await connection.subscribe(f"{sink.inbox}.*", cb=sink.heard)
        return sink

    async def _connect(self, lost: Callable[[], Awaitable[None]]) -> Any:
        # No reconnects by the client: a reader that begins again at its checkpoint is the one way out of trouble.
        connection = self._nats.NATS()
        async with _said(), base.closing_on_failure(lambda: _close(connection)):
            async with asyncio.timeout(PATIENCE):
                await connection.connect(
                    self._url, allow_reconnect=False, connect_timeout=5, max_reconnect_attempts=1,
                    reconnect_time_wait=0, error_cb=_nothing, disconnected_cb=lost, **self._login,
                )  # fmt: skip
        return connection

    async def _stream(self, jetstream: Any, subject: str) -> str:
        """Return the name of the stream that takes the subject."""
        from nats.js.errors import NotFoundError

        try:
            return str(await jetstream.find_stream_name_by_subject(subject))
        except NotFoundError:
            if not self._create:
                raise Unavailable(f"no stream of NATS takes {subject!r}: make one, or add ?create=true") from None
        name = "".join(letter if letter.isalnum() else "_" for letter in subject)
        await jetstream.add_stream(name=name, subjects=[subject])
        return name


class _Source:
    """The client's own way to fetch costs a timer for each message. So the server is asked in bulk, and again before what it
    was asked for is used up."""

    ordered = True
    connection: Any = None
    subject = inbox = ""

    def __init__(self) -> None:
        self._last = 0
        # What has come, how much more was asked for, and when something was heard last.
        self._come: deque[Delivery] = deque()
        self._asked = 0
        self._heard = time.monotonic()
        self._news = asyncio.Event()
        self._broken = ""

    async def arrived(self, message: Any) -> None:
        """Take in a message or a status."""
        self._heard = time.monotonic()
        # What has a place in the stream is a message, whatever others put into its headers.
        status = "" if message.reply.startswith(PLACE) else (message.headers or {}).get("Status", "")
        if status:
            reason = message.headers.get("Description", "")
            self._asked = 0
            if status not in OVER and "MaxBytes" not in reason:
                self._broken = f"NATS: {status} {reason}"
        else:
            self._asked -= 1
            metadata = message.metadata
            place = metadata.sequence
            if place.consumer != self._last + 1:
                self._broken = "NATS: a message was missed, so they are fetched anew"
            self._last = place.consumer
            if not self._broken:
                made = Message.arrived(message.data, _headers_of(message))
                at = metadata.timestamp.timestamp()
                self._come.append(Delivery(made, "", str(place.stream), place.stream, at))
        self._news.set()

    async def lost(self) -> None:
        """Hear that the connection is gone."""
        self._broken = self._broken or "NATS: the connection is gone"
        self._news.set()

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        async with _said():
            end = time.monotonic() + WAIT
            while not self._come and (left := end - time.monotonic()) > 0:
                self._check()
                await self._ask()
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._news.wait()
            found = list(islice(self._come, limit))
            for _ in found:
                self._come.popleft()
            await self._ask()
        return found

    def _check(self) -> None:
        if self._broken:
            raise Unavailable(self._broken)
        if time.monotonic() > self._heard + ASKED_SECONDS + PATIENCE:
            raise Unavailable("NATS: the server is silent")

    async def _ask(self) -> None:
        if self._asked > 0 or len(self._come) >= ASKED_FOR or self._broken:
            return
        self._asked = ASKED_FOR
        wanted = {
            "batch": ASKED_FOR,
            "expires": int(ASKED_SECONDS * 1e9),
            "max_bytes": max(ASKED_BYTES, 2 * self.connection.max_payload),
        }
        await self.connection.publish(self.subject, orjson.dumps(wanted), reply=self.inbox)

    async def settle(self, deliveries: Sequence[Delivery]) -> None: ...

    async def aclose(self) -> None:
        await _close(self.connection)


class _Sink:
    """The client's own way to publish without waiting hands over one message at a time; here a batch goes in one piece."""

    mark = ""
    connection: Any = None
    inbox = ""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._number = 0
        self._unanswered: set[str] = set()
        self._done: asyncio.Future[None] | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        limit = self.connection.max_payload - 4_096
        large = next((index for index, one in enumerate(messages) if len(one.body) > limit), len(messages))
        # One connection carries them in this order; what is acknowledged is a first part of them when it breaks.
        async with _said():
            await self._send(messages[:large])
        if large < len(messages):
            raise Refused(large, f"NATS takes messages of at most {limit} bytes")

    async def _send(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        if not self.connection.is_connected:
            raise Unavailable("NATS: the connection is gone")
        self._done = asyncio.get_running_loop().create_future()
        replies = [f"{self.inbox}.{number}" for number in range(self._number, self._number + len(messages))]
        self._number += len(messages)
        self._unanswered = set(replies)
        for reply, one in zip(replies, messages, strict=True):
            await self.connection.publish(self._subject, one.body, reply=reply, headers=_headers(one))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._done
        except TimeoutError:
            raise Unavailable("NATS: the messages were not acknowledged") from None

    async def lost(self) -> None:
        """Hear that the connection is gone."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(Unavailable("NATS: the connection is gone"))

    async def heard(self, message: Any) -> None:
        """Take in an acknowledgement."""
        self._unanswered.discard(message.subject)
        if self._done is None or self._done.done():
            return
        status = (message.headers or {}).get("Status", "")
        answer = orjson.loads(message.data) if message.data else {}
        if status or "error" in answer:
            reason = answer.get("error", {}).get("description") or "no stream takes the subject"
            self._done.set_exception(Unavailable(f"NATS: {reason}"))
        elif not self._unanswered:
            self._done.set_result(None)

    async def aclose(self) -> None:
        await _close(self.connection)


def _headers(message: Message) -> dict[str, str]:
    headers = message.all_headers()
    if message.stream:
        headers[ID] = f"{message.stream}:{message.epoch}:{message.offset}"
    return headers


def _headers_of(message: Any) -> dict[str, str]:
    # The client puts in names of its own as members of an enumeration.
    return {str(getattr(name, "value", name)): value for name, value in (message.headers or {}).items() if name != ID}


async def _ignored() -> None:
    """Hear that a connection is gone on which nothing waits."""


async def _nothing(_error: Exception) -> None:
    """Hear of an error that is raised elsewhere, too."""


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """Turn the client's errors into Unavailable."""
    from nats.errors import Error

    try:
        yield
    except (Error, OSError) as error:
        raise Unavailable(f"NATS: {error or type(error).__name__}") from None


async def _close(connection: Any) -> None:
    with suppress(Exception):
        await connection.close()
