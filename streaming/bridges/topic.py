"""Topics as ends of a route: what every transport of AURA publishes into and subscribes to."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from audit.errors import AuditError
from streaming import topics
from streaming.bridges.base import Delivery, Message
from streaming.bridges.errors import Refused, Unavailable
from streaming.bridges.queued import Queued
from streaming.errors import Malformed, StreamingError, TooLarge
from streaming.flow.events import StreamChunk
from streaming.hub import hub

# Header with a message's place in its broker, where it has no stream and offset.
PLACE = "aura-place"


class TopicSource(Queued):
    """The events of a topic, from its first one on; the body is the event's JSON.

    The record is what holds them: a broker may be away for as long as it likes.
    """

    @classmethod
    async def open(cls, name: str, user: Any, positions: Mapping[str, str]) -> "TopicSource":
        """Return the source. Raises Unavailable."""
        source = cls()
        try:
            topic = await hub.topic(name, user.pk)
        except (StreamingError, AuditError, OSError) as error:
            raise Unavailable(str(error)) from None
        epoch, _, offset = positions.get("", "").partition(":")
        start = int(offset) + 1 if epoch == str(topic.epoch) else 0
        source.fill(source._events(topic, start))
        return source

    @staticmethod
    async def end(name: str, user: Any) -> dict[str, str]:
        """Return the position of the topic's last event. Raises Unavailable."""
        try:
            topic = await hub.topic(name, user.pk)
        except (StreamingError, AuditError, OSError) as error:
            raise Unavailable(str(error)) from None
        return {"": f"{topic.epoch}:{topic.next_offset - 1}"}

    async def _events(self, topic: topics.Topic, start: int) -> AsyncGenerator[Delivery]:
        try:
            async for event in topic.read(start):
                if isinstance(event, StreamChunk):
                    message = Message(event.text.encode(), str(topic.name), topic.epoch, event.offset)
                    at = orjson.loads(message.body)["at"] / 1000
                    yield Delivery(message, "", f"{topic.epoch}:{event.offset}", event.offset, at)
        except (StreamingError, AuditError, OSError) as error:
            raise Unavailable(str(error)) from None


class TopicSink:
    """Publishes into a topic: the body as `data` when it is JSON, else as a text.

    An event has an id made from the route and the message's stream, epoch and offset, and `mark` says how long the topic was
    at the last checkpoint: when the sink is opened again, the ids of what was published since are read from the record, and
    no message becomes an event twice.
    """

    def __init__(self, route: str, topic: topics.Topic, user: Any, kind: str) -> None:
        self._route = route
        self._topic = topic
        self._user = user
        self._kind = kind
        self._known: set[str] = set()
        self.mark = ""

    @classmethod
    async def open(cls, route: str, name: str, user: Any, kind: str, mark: str) -> "TopicSink":
        """Return the sink. Raises Unavailable."""
        try:
            sink = cls(route, await hub.topic(name, user.pk), user, kind)
            await sink._look_back(mark)
        except (StreamingError, AuditError, OSError) as error:
            raise Unavailable(str(error)) from None
        return sink

    async def _look_back(self, mark: str) -> None:
        """Learn the ids of what was published behind the mark."""
        offset = int(mark) if mark else self._topic.next_offset
        while found := await topics.entries(self._topic.name, offset):
            self._known.update(str(entry.meta.get("id", "")) for entry in found)
            offset = found[-1].offset + 1
        self.mark = str(offset)

    async def send(self, messages: Sequence[Message]) -> None:
        """See `Sink`."""
        fresh = [
            (index, message) for index, message in enumerate(messages) if self._id(message).hex() not in self._known
        ]
        if self._topic.owned:
            # Together they go into one commit of the record.
            done = await asyncio.gather(*(self._publish(*one) for one in fresh), return_exceptions=True)
            for error in done:
                if isinstance(error, BaseException):
                    raise error
        else:
            # Another process numbers the events: one after the other, so that they stay in order.
            for one in fresh:
                await self._publish(*one)

    async def _publish(self, index: int, message: Message) -> None:
        try:
            data = _data(message.body)
            topic, offset = await hub.publish(self._topic.title, self._user, self._id(message), self._kind, data)
        except (TooLarge, Malformed, ValueError) as error:
            raise Refused(index, str(error)) from None
        except (StreamingError, AuditError, OSError) as error:
            raise Unavailable(str(error)) from None
        self._topic = topic
        self.mark = str(max(int(self.mark), offset + 1))

    def _id(self, message: Message) -> bytes:
        place = (
            f"{message.stream}:{message.epoch}:{message.offset}" if message.stream else message.headers.get(PLACE, "")
        )
        return uuid5(NAMESPACE_URL, f"aura:bridge:{self._route}:{place}").bytes

    async def aclose(self) -> None:
        """See `Sink`."""


def _data(body: bytes) -> Any:
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    return text_of(body)


def text_of(body: bytes) -> str:
    """Return a body that is no JSON. Raises ValueError with words for a dead letter."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ValueError("the body is neither JSON nor UTF-8 text") from None
