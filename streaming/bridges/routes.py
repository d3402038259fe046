"""Routes as they are written down, made into what can be run."""

from collections.abc import Mapping as Object
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from streaming import topics
from streaming.bridges import brokers, outbox
from streaming.bridges.base import Message, Sink, Source
from streaming.bridges.errors import BadAddress
from streaming.bridges.topic import TopicSink, TopicSource, text_of
from streaming.errors import ReadOnly, UnknownStream
from streaming.flow.filters import Filter
from streaming.flow.mapping import Mapping

if TYPE_CHECKING:
    from streaming.bridges.models import Route

TOPIC, OUTBOX = "topic", "outbox"


def active() -> "list[Route]":
    """Return the routes that are to run, with their users."""
    from streaming.bridges.models import Route

    return list(Route.objects.filter(active=True).select_related("user").order_by("pk"))


@dataclass(frozen=True, slots=True)
class End:
    """One end of a route: `where` is `topic`, `outbox` or a broker of AURA_BROKERS."""

    where: str
    channel: str

    @classmethod
    def parse(cls, text: str) -> "End":
        """Return the end that `WHERE:CHANNEL` names. Raises BadAddress."""
        where, _, channel = text.partition(":")
        if not where or not channel or not channel.isprintable():
            raise BadAddress(f"{text!r} is not BROKER:CHANNEL, topic:NAME or outbox:NAME")
        if where == TOPIC:
            try:
                topics.topic_id(channel, 0)
            except UnknownStream as error:
                raise BadAddress(f"{channel!r}: {error}") from None
        elif where != OUTBOX:
            brokers.bridge(where)
        return cls(where, channel)


@dataclass(frozen=True, slots=True)
class Plan:
    """A route that makes sense."""

    name: str
    source: End
    start: str
    target: End
    user: Any
    kind: str
    filter: Filter
    mapping: Mapping | None

    @classmethod
    def of(cls, route: "Route") -> "Plan":
        """Return the plan of a route. Raises BadAddress with words for whoever wrote it."""
        source, target = End.parse(route.source), End.parse(route.target)
        if target.where == OUTBOX:
            raise BadAddress("an outbox is filled by programs; a route leads from it")
        if source.where == OUTBOX and route.start == route.Start.NOW:
            raise BadAddress("an outbox is read from its oldest message on: what is in it is still to be sent")
        if target.where == TOPIC:
            try:
                topics.check_public(target.channel)
            except ReadOnly as error:
                raise BadAddress(str(error)) from None
        if source == target:
            raise BadAddress("this route leads to where it comes from")
        if TOPIC in (source.where, target.where) and (route.user is None or not route.user.is_active):
            raise BadAddress("a route with a topic needs an active user, whose topics they are")
        try:
            return cls(
                route.name,
                source,
                route.start,
                target,
                route.user,
                route.kind,
                Filter.parse(route.filter.strip()),
                Mapping.parse(route.mapping),
            )
        except ValueError as error:
            raise BadAddress(str(error)) from None

    async def open_source(self, positions: Object[str, str]) -> Source:
        """Return the source, behind the positions. Raises Unavailable, BadAddress."""
        if self.source.where == TOPIC:
            return await TopicSource.open(self.source.channel, self.user, positions)
        if self.source.where == OUTBOX:
            return outbox.OutboxSource(self.source.channel)
        return await brokers.bridge(self.source.where).source(self.source.channel, positions)

    async def begin(self) -> dict[str, str]:
        """Return the positions that the route starts behind when it has none. Raises Unavailable, BadAddress."""
        if self.start != "now":
            return {}
        if self.source.where == TOPIC:
            return await TopicSource.end(self.source.channel, self.user)
        return await brokers.bridge(self.source.where).end(self.source.channel)

    async def open_sink(self, mark: str) -> Sink:
        """Return the sink, with what was remembered of it. Raises Unavailable, BadAddress."""
        if self.target.where == TOPIC:
            return await TopicSink.open(self.name, self.target.channel, self.user, self.kind, mark)
        return await brokers.bridge(self.target.where).sink(self.target.channel, mark)

    @property
    def looks_inside(self) -> bool:
        """Return whether bodies have to be parsed."""
        return bool(self.filter) or self.mapping is not None

    def view(self, message: Message) -> dict[str, Any]:
        """Return a message as filters and mappings see it: an event of a topic with its fields (`from`, `kind`, `at`,
        `data`), a message of a broker as `data`; and `headers`, `stream`, `epoch`, `offset`. Raises ValueError."""
        try:
            body = orjson.loads(message.body)
        except orjson.JSONDecodeError:
            body = text_of(message.body)
        fields = body if self.source.where == TOPIC and isinstance(body, dict) else {"data": body}
        place = {"stream": message.stream, "epoch": message.epoch, "offset": message.offset}
        return {**place, "headers": dict(message.headers), **fields}
