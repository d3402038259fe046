"""The session clients: many answers and topics over one connection, whole whatever the line does."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import aiohttp
import orjson
from websockets.exceptions import InvalidHandshake

from aura_client.answer import Answer, End
from aura_client.backoff import Backoff
from aura_client.errors import AuraError, Closed, Damaged, Refused, Unreachable
from aura_client.libraries import Libraries
from aura_client.topics import Subscription, parse_position
from compression.codec.errors import CodecError
from streaming.client import ChatClient
from streaming.identifiers import new_identifier
from streaming.lines import Line, LineClosed, LineRefused, open_websocket
from streaming.protocol import frames
from streaming.protocol.client import (
    ClientEvent,
    DrainAsked,
    Ended,
    EventArrived,
    Failed,
    Opened,
    Published,
    Reading,
    TextArrived,
)
from streaming.protocol.codes import Action, FaultCode, Finish, Mode, Reliability, duty
from streaming.protocol.errors import FrameError

# Behind this stands the first question of a conversation.
START = UUID(int=0)
# A frame that makes no sense is a line gone mad once; twice in a row it is the server.
NONSENSE_LIMIT = 2
# Events on their way to the record at once; the server takes twice as many.
PUBLISHING_LIMIT = 128


class _Drain(Exception):
    """The server asked its clients to go on elsewhere."""


class SessionClient:
    """AURA over a session of the protocol, whatever line carries it; `opening` makes one. See `Client`."""

    def __init__(
        self,
        address: str,
        key: str,
        opening: Callable[[str, str], Awaitable[Line]],
        *,
        mode: Mode = Mode.TOKEN,
        libraries: str = "",
        patience: float = 120.0,
    ) -> None:
        self._address = address
        self._key = key
        self._backoff = Backoff(patience=patience)
        self._libraries = Libraries(libraries, key) if libraries else None
        fetch = self._libraries.fetch if self._libraries else None
        self._line = ChatClient(address, key, mode=mode, fetch=fetch, opening=opening)
        self._answers: dict[int, Answer] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self._publishing: dict[bytes, asyncio.Future[int]] = {}
        self._room = asyncio.Semaphore(PUBLISHING_LIMIT)
        self._pump: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._nonsense = 0
        self._up = asyncio.Event()
        self.reconnects = 0

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._run())
        waiting = asyncio.create_task(self._up.wait())
        await asyncio.wait([self._pump, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._pump.done():
            await self._pump
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye. Answers that are still being written are cancelled."""
        if self._pump is not None:
            await self._send()
            self._pump.cancel()
            await asyncio.wait([self._pump])
        await self._line.close()
        self._end_all(Closed(1000, "the client was closed"))

    # -- answers -----------------------------------------------------------------------------------------------

    async def ask(
        self,
        text: str,
        *,
        conversation: UUID | None = None,
        model: str = "",
        after: UUID | None = None,
        pictures: Sequence[bytes] = (),
    ) -> Answer:
        """Ask a question and return its answer, which has hardly begun. Raises AuraError when the client has given up.

        It stands behind the newest question of the conversation, or behind the one whose answer is `after`: then what
        followed that one before is another branch, which the model does not see. `START` is the beginning.
        `pictures` are files: PNG, JPEG, WebP or GIF, at most four, which count against the message limit.
        """
        self._check()
        told = conversation.bytes if conversation else b""
        place = after.bytes if after is not None else b""
        name = new_identifier().bytes
        return await self._follow(self._line.session.ask(text, name, told, model, after=place, pictures=pictures))

    async def resume(self, position: str, text: str = "") -> Answer:
        """Go on reading the answer at `position` (see `Answer`), of which `text` is known."""
        self._check()
        stream, epoch, offset = position.split(":")
        reading = self._line.session.resume(UUID(hex=stream).bytes, int(epoch), int(offset), text)
        return await self._follow(reading)

    async def _follow(self, reading: Reading) -> Answer:
        answer = Answer(UUID(bytes=reading.stream))
        answer.on_cancel(lambda: self._control(Action.CANCEL, reading.channel))
        answer.add(reading.text, reading.offset)
        self._answers[reading.channel] = answer
        await self._send()
        return answer

    # -- topics ------------------------------------------------------------------------------------------------

    async def subscribe(
        self,
        topic: str,
        *,
        wanted: Mapping[str, Any] | None = None,
        after: str = "",
        reliability: Reliability = Reliability.EXACTLY_ONCE,
        name: str = "",
    ) -> Subscription:
        """Return the events of a topic that fit `wanted` (docs/reference/protocol.md, section 15), from now on, or those
        behind the position `after`.

        With exactly once keep the position of each event together with what you do about it, and begin behind it the next
        time. With at least once the server keeps the position under `name`; see `Subscription.acknowledge`. With at most
        once events are missed while the line is down or the program too slow. Raises AuraError when the client has given up;
        what the server refuses is raised by the subscription.
        """
        self._check()
        epoch, offset = parse_position(after) if after else (0, 0)
        reading = self._line.session.subscribe(
            topic,
            epoch=epoch,
            offset=offset,
            wanted=orjson.dumps(dict(wanted)).decode() if wanted else "",
            reliability=reliability,
            name=name,
        )
        subscription = Subscription(
            topic,
            after,
            lambda action: self._control(action, reading.channel),
            lambda offset: self._acknowledge(reading, offset),
        )
        self._subscriptions[reading.channel] = subscription
        await self._send()
        return subscription

    async def publish(self, topic: str, data: Any, *, kind: str = "", identifier: bytes = b"") -> int:
        """Publish an event and return its offset once it is on the record. Raises Refused, and AuraError.

        It is sent again after a broken line, and published once. Publishing again with the same `identifier`, 16 random
        bytes, is the same event still.
        """
        self._check()
        identifier = identifier or secrets.token_bytes(16)
        text = orjson.dumps({"kind": kind, "data": data}).decode()
        async with self._room:
            self._check()
            published = self._publishing.setdefault(identifier, asyncio.get_running_loop().create_future())
            self._line.session.publish(topic, text, identifier)
            await self._send()
            return await asyncio.shield(published)

    def _acknowledge(self, reading: Reading, offset: int) -> None:
        self._line.session.acknowledge(reading, offset)
        self._soon()

    # -- sending -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._pump is None:
            raise RuntimeError("use it with `async with`")
        if self._pump.done():
            self._pump.result()

    def _control(self, action: Action, channel: int) -> None:
        self._line.session.control(action, channel)
        self._soon()

    def _soon(self) -> None:
        sending = asyncio.ensure_future(self._send())
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _send(self) -> None:
        """Send what waits; when the line is down, what matters is sent again once it is up."""
        if self._up.is_set():
            with suppress(OSError):
                await self._line.flush()

    # -- the line ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Keep a connection and read it, until that is hopeless."""
        try:
            while True:
                least = await self._once()
                self._up.clear()
                self._line.drop()
                pause = self._backoff.failed(time.monotonic(), random.random(), least)
                if pause is None:
                    raise Unreachable(f"{self._address} could not be reached for {self._backoff.patience:.0f} s")
                await asyncio.sleep(pause)
                self.reconnects += 1
        except AuraError as error:
            self._end_all(error)
            raise
        finally:
            self._up.clear()

    async def _once(self) -> float:
        """Connect and read until the line breaks; return the least number of seconds to wait. Raises AuraError."""
        try:
            await self._line.connect()
            self._hand_out()
            self._backoff.succeeded()
            self._up.set()
            all_followed: dict[int, Answer | Subscription] = {**self._answers, **self._subscriptions}
            for channel, followed in all_followed.items():
                if followed.cancelled:
                    self._line.session.control(Action.CANCEL, channel)
            await self._send()
            while True:
                await self._line.step()
                self._hand_out()
                self._nonsense = 0
        except LineClosed as closed:
            return _after_close(closed)
        except LineRefused as refused:
            if refused.retry_after is None:
                raise Refused("not_allowed", str(refused)) from None
            return refused.retry_after
        except (FrameError, CodecError) as error:
            self._nonsense += 1
            if self._nonsense >= NONSENSE_LIMIT:
                raise Damaged(f"what the server sends makes no sense: {error}") from error
        except (_Drain, OSError, TimeoutError, InvalidHandshake, aiohttp.ClientError):
            pass
        return 0.0

    # -- events ------------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        for event in self._line.take():
            if isinstance(event, DrainAsked):
                raise _Drain
            self._on(event)

    def _on(self, event: ClientEvent) -> None:
        if isinstance(event, Published):
            self._published(event.id, event.offset)
            return
        if isinstance(event, Failed) and event.fault.id:
            self._published(event.fault.id, _error(event))
            return
        reading = getattr(event, "reading", None)
        if reading is None:
            return
        if reading.channel in self._subscriptions:
            self._on_topic(event, reading)
        elif reading.channel in self._answers:
            self._on_answer(event, reading, self._answers[reading.channel])

    def _published(self, identifier: bytes, outcome: int | AuraError) -> None:
        published = self._publishing.pop(identifier, None)
        if published is None or published.done():
            return
        if isinstance(outcome, AuraError):
            published.set_exception(outcome)
            published.exception()  # whoever published may have gone
        else:
            published.set_result(outcome)

    def _on_topic(self, event: ClientEvent, reading: Reading) -> None:
        subscription = self._subscriptions[reading.channel]
        match event:
            case Opened():
                subscription.opened(reading.epoch, reading.offset)
            case EventArrived():
                subscription.add(event.offset, event.text)
            case Ended() | Failed():
                self._line.session.readings.pop(reading.channel, None)
                del self._subscriptions[reading.channel]
                subscription.finish(_error(event) if isinstance(event, Failed) else None)

    def _on_answer(self, event: ClientEvent, reading: Reading, answer: Answer) -> None:
        match event:
            case Opened():
                answer.epoch, answer.offset = reading.epoch, reading.offset
                answer.conversation = UUID(bytes=reading.conversation)
            case TextArrived():
                answer.add(event.text, reading.offset)
            case Ended():
                self._forget(reading).finish(_end(event.done))
            case Failed():
                self._forget(reading).finish(None, _error(event))

    def _forget(self, reading: Reading) -> Answer:
        # Of an answer given up as damaged more may come; the session passes over it.
        if reading.damaged != reading.offset:
            self._line.session.readings.pop(reading.channel, None)
        return self._answers.pop(reading.channel)

    def _end_all(self, error: AuraError) -> None:
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.finish(None, error)
        subscriptions, self._subscriptions = self._subscriptions, {}
        for subscription in subscriptions.values():
            subscription.finish(error)
        for identifier in list(self._publishing):
            self._published(identifier, error)


class Client(SessionClient):
    """AURA over a WebSocket.

    `async with Client("http://127.0.0.1:8000", key) as aura: answer = await aura.ask("...")`. When the line breaks, the
    server is killed, restarted or drained, the client comes back by itself, with the pauses that the close code asks for,
    and goes on where it was; it gives up after `patience` seconds without a connection. Chunks that arrive damaged are
    asked for again, once. With `compress` it fetches the server's library and uses it.
    """

    def __init__(
        self, url: str, key: str, *, mode: Mode = Mode.TOKEN, compress: bool = True, patience: float = 120.0
    ) -> None:
        url = url.rstrip("/")
        libraries = url if compress else ""
        super().__init__(_websocket(url), key, open_websocket, mode=mode, libraries=libraries, patience=patience)


def _websocket(url: str) -> str:
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, f"{parts.path}/ws/chat/", "", ""))


def _after_close(closed: LineClosed) -> float:
    """Return the least number of seconds to wait. Raises Closed when the client is not to come back."""
    if not closed.code:
        return 0.0
    if duty(closed.code) == "stop":
        raise Closed(closed.code, closed.reason) from None
    # "reconnect" asks for no pause of its own, "backoff" for a second at least.
    return 1.0 if duty(closed.code) == "backoff" else 0.0


def _error(event: Failed) -> AuraError:
    fault, reading = event.fault, event.reading
    code = FaultCode(fault.code) if fault.code in list(FaultCode) else FaultCode.INTERNAL
    if code == FaultCode.CORRUPT and reading is not None and reading.damaged == reading.offset:
        return Damaged(fault.message)
    return Refused(code.label, fault.message, retry=bool(fault.retry), retry_after=fault.retry_after / 1000 or None)


def _end(done: frames.Done) -> End:
    return End(
        Finish(done.finish).name.lower() if done.finish in list(Finish) else "stop", done.model, done.tier,
        done.prompt_tokens, done.completion_tokens, Decimal(done.cost).scaleb(-9), done.first_token, done.duration,
    )  # fmt: skip
