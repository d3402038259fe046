"""A pump runs one route: source, filter, mapping, sink, books."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import orjson
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from streaming.bridges.base import Delivery, Message, Sink, Source
from streaming.bridges.books import REASON_LIMIT, Batch, storable
from streaming.bridges.errors import LeaseLost, Refused, Unavailable
from streaming.bridges.models import DeadLetter, Position, Route
from streaming.bridges.reader import Reader, put_back
from streaming.bridges.routes import Plan
from streaming.bridges.topic import PLACE
from streaming.database import visit

log = logging.getLogger(__name__)

# The sink's mark stands with the positions, under a name that no partition has.
MARK = "->"
# Ranks over this do not fit where offsets go (only Kinesis has such).
RANK_LIMIT = 2**62
# Seconds that a sink may take over a batch before its broker counts as unavailable.
PATIENCE = 60.0


def reader_name(route: str) -> str:
    """Return the name that a route's checkpoint and dead letters are kept under."""
    return f"route:{route}"


class Pump(Reader):
    """Moves what a route says, in the name of `holder`, which holds the route's lease."""

    def __init__(self, pk: int, plan: Plan, holder: str) -> None:
        super().__init__(reader_name(plan.name))
        self._pk = pk
        self._plan = plan
        self._holder = holder
        self._sink: Sink | None = None
        self._told_well = False
        # See `Route.caught_up`.
        self.caught_up = 0.0

    async def run(self) -> None:
        """See `Reader`."""
        try:
            await super().run()
        finally:
            await self._close_sink()

    async def open(self, positions: dict[str, str]) -> Source:
        """See `Reader`."""
        await self._close_sink()
        mark = positions.pop(MARK, "")
        try:
            async with asyncio.timeout(PATIENCE):
                self._sink = await self._plan.open_sink(mark)
                if not positions and (positions := await self._plan.begin()):
                    await visit(self.books.begin, positions)
                return await self._plan.open_source(positions)
        except TimeoutError:
            raise Unavailable(f"no connection within {PATIENCE:.0f} s") from None

    async def deal(self, deliveries: Sequence[Delivery]) -> Batch:
        """See `Reader`."""
        batch = await visit(self.books.sift, deliveries)
        moving: list[tuple[Delivery, Message]] = []
        dead: list[tuple[Delivery, str]] = []
        for delivery in batch.fresh:
            try:
                made = self._make(_placed(delivery, f"{self._plan.source.where}:{self._plan.source.channel}"))
            except ValueError as error:
                dead.append((delivery, str(error)))
            else:
                if made is not None:
                    moving.append((delivery, made))
        refused = await self._send([message for _, message in moving])
        dead += [(moving[index][0], reason) for index, reason in refused]
        await visit(self._commit, batch, len(moving) - len(refused), dead)
        # Of each partition the last; what has no time counts as new.
        self.caught_up = min({one.partition: one.at or time.time() for one in batch.deliveries}.values())
        return batch

    async def idle(self) -> None:
        """See `Reader`."""
        self.caught_up = time.time()

    def _make(self, message: Message) -> Message | None:
        """Return what goes on, None for what is filtered out. Raises ValueError for a body that cannot be looked into."""
        if not self._plan.looks_inside:
            return message
        view = self._plan.view(message)
        if not self._plan.filter.passes(view):
            return None
        if self._plan.mapping is None:
            return message
        made = self._plan.mapping.apply(view)
        try:
            return replace(message, body=made.encode() if isinstance(made, str) else orjson.dumps(made))
        except orjson.JSONEncodeError as error:
            raise ValueError(f"what the mapping makes cannot be written as JSON: {error}") from None

    async def _send(self, messages: Sequence[Message]) -> list[tuple[int, str]]:
        """Return what the sink refuses, by place, with the reasons; all others are there for good."""
        assert self._sink is not None
        refused: list[tuple[int, str]] = []
        done = 0
        while done < len(messages):
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._sink.send(messages[done:])
                break
            except Refused as error:
                refused.append((done + error.index, str(error)))
                done += error.index + 1
            except TimeoutError:
                raise Unavailable(f"the messages were not taken within {PATIENCE:.0f} s") from None
        return refused

    def _commit(self, batch: Batch, moved: int, dead: Sequence[tuple[Delivery, str]]) -> None:
        with transaction.atomic():
            self._hold(moved, len(batch.fresh) - moved - len(dead), batch.doubles, len(dead))
            self.books.keep(batch, dead)
            self._keep_mark()

    def _hold(self, moved: int, passed_over: int = 0, doubles: int = 0, put_aside: int = 0) -> None:
        """Count, and make sure that the route is still this process's to move. Raises LeaseLost."""
        held = Route.objects.filter(pk=self._pk, holder=self._holder)
        if not held.update(
            moved=F("moved") + moved,
            passed_over=F("passed_over") + passed_over,
            doubles=F("doubles") + doubles,
            put_aside=F("put_aside") + put_aside,
            seen=timezone.now(),
        ):
            raise LeaseLost(f"another process moves {self._plan.name} now")

    def _keep_mark(self) -> None:
        if self._sink is not None and self._sink.mark:
            Position.objects.update_or_create(reader=self.name, partition=MARK, defaults={"position": self._sink.mark})

    async def deal_again(self, message: Message, letter: DeadLetter) -> None:
        """See `Reader`."""
        reason = ""
        try:
            made = self._make(
                message if message.stream else replace(message, headers={**message.headers, PLACE: f"dead:{letter.pk}"})
            )
        except ValueError as error:
            made, reason = None, str(error)
        if made is not None:
            refused = await self._send([made])
            reason = refused[0][1] if refused else ""

        def work() -> None:
            with transaction.atomic():
                self._hold(int(not reason))
                put_back(letter, reason)
                self._keep_mark()

        await visit(work)

    async def trouble(self, error: Exception) -> None:
        """See `Reader`."""
        log.warning("route %s waits: %s", self._plan.name, error)
        self._told_well = False
        await visit(set_state, self._pk, Route.State.TROUBLE, str(error))

    async def well(self) -> None:
        """See `Reader`."""
        if not self._told_well:
            await visit(set_state, self._pk, Route.State.RUNNING, "")
            self._told_well = True

    async def _close_sink(self) -> None:
        if self._sink is not None:
            sink, self._sink = self._sink, None
            with suppress(Unavailable, DatabaseError, TimeoutError):
                async with asyncio.timeout(5):
                    await sink.aclose()


def set_state(pk: int, state: str, error: str) -> None:
    """Write down how a route is."""
    Route.objects.filter(pk=pk).update(state=state, error=storable(error, REASON_LIMIT))


def lease(pk: int, holder: str, seconds: float, caught_up: float = 0.0) -> bool:
    """Take or renew the right to move a route, and write how far it is; return whether this holder has it now."""
    now = time.time()
    more = {"caught_up": caught_up} if caught_up else {}
    free = Route.objects.filter(pk=pk, held_until__lt=now) | Route.objects.filter(pk=pk, holder=holder)
    return bool(free.update(holder=holder, held_until=now + seconds, **more))


def release(pk: int, holder: str) -> None:
    """Let another process have a route at once."""
    Route.objects.filter(pk=pk, holder=holder).update(holder="", held_until=0.0, state=Route.State.IDLE)


def _placed(delivery: Delivery, channel: str) -> Message:
    """Return a message that says where it stands: in its own stream, else in its broker."""
    message = delivery.message
    if message.stream:
        return message
    if delivery.rank < RANK_LIMIT:
        stream = f"{channel}/{delivery.partition}" if delivery.partition else channel
        return replace(message, stream=stream[:200], offset=delivery.rank)
    return replace(message, headers={**message.headers, PLACE: f"{channel}/{delivery.partition}/{delivery.position}"})
