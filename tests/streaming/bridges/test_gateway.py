"""Readers, outbox and routes on a real database; brokers in memory where a real one would show no more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from audit.errors import Conflict
from audit.journal import journal
from audit.records.event import Event, Kind
from audit.signals import erased
from streaming import topics
from streaming.bridges import brokers, memory, outbox
from streaming.bridges.base import Delivery, Message
from streaming.bridges.books import Books
from streaming.bridges.errors import OutboxFull, Unavailable
from streaming.bridges.gateway import Gateway
from streaming.bridges.memory import SIZE_LIMIT
from streaming.bridges.models import DeadLetter, Outgoing, Position, Progress, Route
from streaming.bridges.pump import lease, release
from streaming.bridges.reader import Consumer
from streaming.database import visit
from streaming.hub import hub
from streaming.recorded import now_us

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("ada")


@pytest.fixture
async def there(settings: Any) -> AsyncIterator[memory.Broker]:
    """A broker in memory, which AURA_BROKERS names `bus`."""
    settings.AURA_BROKERS = {"bus": "memory://gateway"}
    memory._brokers.pop("gateway", None)
    yield memory.broker("gateway")
    await hub.aclose()


@pytest.fixture(autouse=True)
def effects() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE test_effects (stream TEXT, number INTEGER)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE test_effects")


def effect(message: Message) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO test_effects VALUES (%s, %s)", [message.stream, message.offset])


def effects_of(stream: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM test_effects WHERE stream = %s", [stream])
        return [row[0] for row in cursor.fetchall()]


async def until(found: Callable[[], Any], seconds: float = 30) -> Any:
    """Return what `found` finds in the database as soon as it is something."""
    async with asyncio.timeout(seconds):
        while not (result := await visit(found)):
            await asyncio.sleep(0.02)
        return result


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[None]:
    gateway.start()
    try:
        yield
    finally:
        await gateway.stop()


@asynccontextmanager
async def consuming(consumer: Consumer) -> AsyncIterator[None]:
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def numbered(stream: str, numbers: range, body: bytes = b"{}") -> list[Message]:
    return [Message(body, stream, 1, number) for number in numbers]


async def make_route(user: Any, **fields: Any) -> Route:
    return await visit(lambda: Route.objects.create(**{"name": "test", "user": user, **fields}))


async def events_in(topic: str, user: Any) -> list[dict[str, Any]]:
    entries = await topics.entries(topics.topic_id(topic, user.pk), 0)
    return [orjson.loads(entry.text) for entry in entries]


# -- books and consumers ---------------------------------------------------------------------------------------------


def deliveries(*messages: Message) -> list[Delivery]:
    return [Delivery(message, "0", str(number), number) for number, message in enumerate(messages)]


def test_books_leave_out_what_came_before_also_within_a_batch_and_after_a_restart() -> None:
    one, two = numbered("s", range(2))
    late = Message(b"", "s", 2, 0)
    books = Books("r")
    books.positions()
    batch = books.sift(deliveries(one, two, one))
    assert [delivery.message for delivery in batch.fresh] == [one, two]
    # Nothing counts before it is kept.
    assert len(books.sift(deliveries(one)).fresh) == 1
    books.keep(batch)
    books.kept(batch)
    for again in (books, Books("r")):
        again.positions()
        assert [delivery.message for delivery in again.sift(deliveries(two, late)).fresh] == [late]
    assert len(Books("other").sift(deliveries(two)).fresh) == 1


def test_of_two_readers_of_one_name_the_slower_is_undone() -> None:
    slow, fast = Books("r"), Books("r")
    batches = []
    for books in (slow, fast):
        books.positions()
        batches.append(books.sift(deliveries(*numbered("s", range(3)))))
    with transaction.atomic():
        effect(Message(b"", "s", 1, 0))
        fast.keep(batches[1])
    with pytest.raises(Unavailable, match="somebody else reads as r"), transaction.atomic():
        effect(Message(b"", "s", 1, 0))
        slow.keep(batches[0])
    assert effects_of("s") == [0]
    slow.positions()
    assert slow.sift(deliveries(*numbered("s", range(4)))).doubles == 3


def test_a_message_that_comes_late_is_no_duplicate() -> None:
    books = Books("r")
    books.positions()
    for numbers in (range(1), range(5, 9), range(1, 5)):
        batch = books.sift(deliveries(*numbered("s", numbers)))
        assert len(batch.fresh) == len(numbers)
        books.keep(batch)
        books.kept(batch)
    assert Progress.objects.get(stream="s").runs == [[0, 8]]


async def test_a_consumer_keeps_its_place_with_its_effect_or_neither(there: memory.Broker) -> None:
    bridge = brokers.bridge("bus")
    sink = await bridge.sink("orders")
    await sink.send(numbered("s", range(10)))
    failing = {7}

    def work(message: Message) -> None:
        effect(message)
        if message.offset in failing:
            raise ValueError("no such order")

    consumer = Consumer("billing", lambda positions: bridge.source("orders", positions), work)
    async with consuming(consumer):
        letter = await until(DeadLetter.objects.first)
        # All but the one that fails, whose own insert was undone with it.
        assert await visit(effects_of, "s") == [0, 1, 2, 3, 4, 5, 6, 8, 9]
        assert (letter.offset, letter.reason) == (7, "ValueError: no such order")
        # Sent again: nothing is done twice.
        await sink.send(numbered("s", range(12)))
        await until(lambda: effects_of("s")[-1] == 11)
        assert await visit(effects_of, "s") == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
        failing.clear()
        await visit(lambda: DeadLetter.objects.update(again=True))
        await until(lambda: not DeadLetter.objects.exists())
        assert await visit(effects_of, "s") == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 7]


# -- outbox ----------------------------------------------------------------------------------------------------------


def test_the_outbox_is_written_with_the_callers_transaction_or_not_at_all(settings: Any) -> None:
    with pytest.raises(KeyError), transaction.atomic():
        outbox.put("shop", *numbered("s", range(3)))
        raise KeyError
    assert not Outgoing.objects.exists()
    with pytest.raises(ValueError, match="names its stream"):
        outbox.put("shop", Message(b""))
    settings.AURA_OUTBOX_LIMIT = 5
    outbox.put("shop", *numbered("s", range(5)))
    outbox.put("another", *numbered("s", range(1)))
    with pytest.raises(OutboxFull, match="5 messages wait in the outbox shop already"):
        outbox.put("shop", *numbered("s", range(5, 6)))
    Outgoing.objects.order_by("id")[0].delete()
    outbox.put("shop", *numbered("s", range(5, 6)))


async def test_the_outbox_can_be_written_in_the_records_transaction() -> None:
    stream = uuid4()
    event = Event(
        kind=Kind.CHUNK,
        conversation=stream,
        stream=stream,
        epoch=1,
        offset=0,
        actor="ada",
        at=now_us(),
        text="paid",
        meta={},
    )

    def work(_number: int) -> list[Event]:
        outbox.put("shop", Message(event.text.encode(), str(stream), 1, 0))
        return []

    await asyncio.wrap_future(journal().submit([event], work))
    assert (await topics.entries(stream, 0))[0].text == "paid"
    assert await visit(lambda: bytes(Outgoing.objects.get().body)) == b"paid"
    # The same place again is refused by the record, and its message goes with it.
    with pytest.raises(Conflict):
        await asyncio.wrap_future(journal().submit([event], work))
    assert await visit(Outgoing.objects.count) == 1


def test_what_waits_of_an_erased_stream_is_erased() -> None:
    gone, kept = uuid4(), uuid4()
    outbox.put("shop", Message(b"", str(gone)), Message(b"", str(kept)))
    DeadLetter.objects.create(reader="r", stream=str(gone), body=b"", reason="")
    erased.send(sender=None, user=None, name="", conversations=[gone], streams=[gone])
    assert [UUID(row.stream) for row in Outgoing.objects.all()] == [kept]
    assert not DeadLetter.objects.exists()


async def test_an_outbox_waits_for_its_broker_and_then_keeps_its_order(there: memory.Broker, user: Any) -> None:
    there.down = True
    route = await make_route(user, source="outbox:shop", target="bus:orders")
    await visit(lambda: outbox.put("shop", *numbered("s", range(700))))
    async with running(Gateway()):
        await until(lambda: Route.objects.filter(pk=route.pk, state="trouble", error__contains="is down").exists())
        there.down = False
        await until(lambda: not Outgoing.objects.exists())
        await until(lambda: Route.objects.get(pk=route.pk).moved == 700)
    assert [int(headers["aura-offset"]) for _, headers in there.logs["orders"]] == list(range(700))


# -- routes ----------------------------------------------------------------------------------------------------------


async def test_a_broker_goes_into_a_topic_once_whatever_is_killed(there: memory.Broker, user: Any) -> None:
    sink = await brokers.bridge("bus").sink("orders")
    await sink.send([Message(orjson.dumps({"n": number}), "s", 1, number) for number in range(300)])
    route = await make_route(user, source="bus:orders", target="topic:shop/orders", kind="order")
    async with running(Gateway()):
        await until(lambda: Route.objects.get(pk=route.pk).moved == 300)
    # As if it had been killed behind its publishing and before its checkpoint, with a mark of before.
    await visit(Progress.objects.all().delete)
    await visit(lambda: Position.objects.filter(partition="").delete())
    await visit(lambda: Position.objects.filter(partition="->").update(position="0"))
    await hub.aclose()
    await sink.send([Message(b'{"n": 300}', "s", 1, 300), Message("نص".encode()), Message(b"\xff")])
    async with running(Gateway()):
        await until(lambda: DeadLetter.objects.filter(reader="route:test").exists())
    events = await events_in("shop/orders", user)
    while len(events) < 302:
        more = await topics.entries(topics.topic_id("shop/orders", user.pk), len(events))
        assert more
        events += [orjson.loads(entry.text) for entry in more]
    assert [event["data"] for event in events] == [*({"n": number} for number in range(301)), "نص"]
    assert {(event["from"], event["kind"]) for event in events} == {("ada", "order")}
    letter = await visit(DeadLetter.objects.get)
    assert (bytes(letter.body), letter.reason) == (b"\xff", "the body is neither JSON nor UTF-8 text")


async def test_a_topic_goes_out_through_filter_and_mapping(there: memory.Broker, user: Any) -> None:
    for number in range(20):
        data = {"room": number % 2, "id": number}
        await hub.publish("shop/orders", user, number.to_bytes(16), "paid" if number % 3 else "note", data)
    route = await make_route(
        user,
        source="topic:shop/orders",
        target="bus:paid",
        filter='{"kind": "paid", "data.room": 1}',
        mapping='{"order": "$data.id", "by": "$from"}',
    )
    async with running(Gateway()):
        await until(lambda: Route.objects.get(pk=route.pk).passed_over == 13)
        await hub.publish("shop/orders", user, b"x" * 16, "paid", {"room": 1, "id": 99})
        await until(lambda: Route.objects.get(pk=route.pk).moved == 8)
    wanted = [number for number in range(20) if number % 2 and number % 3]
    assert [orjson.loads(body) for body, _ in there.logs["paid"]] == [{"order": n, "by": "ada"} for n in [*wanted, 99]]
    name = str(topics.topic_id("shop/orders", user.pk))
    assert [headers["aura-offset"] for _, headers in there.logs["paid"]] == [str(n) for n in [*wanted, 20]]
    assert {headers["aura-stream"] for _, headers in there.logs["paid"]} == {name}


async def test_a_body_that_nobody_can_look_into_is_put_aside_in_words(there: memory.Broker, user: Any) -> None:
    sink = await brokers.bridge("bus").sink("orders")
    await sink.send([Message(b"\xff", "s", 1, 0), Message("نص".encode(), "s", 1, 1)])
    await make_route(user, source="bus:orders", target="bus:copy", mapping='{"was": "$data"}')
    async with running(Gateway()):
        letter = await until(DeadLetter.objects.first)
    assert letter.reason == "the body is neither JSON nor UTF-8 text"
    assert [orjson.loads(body) for body, _ in there.logs["copy"]] == [{"was": "نص"}]


DEEP = b"[" * 600 + b"]" * 600
POISON = [
    Message(b"\xff\xfe", "s", 1, 0),
    Message(b"", "s", 1, 1),
    Message(DEEP, "s", 1, 2),
    Message(b'{"n": "\\u0000"}', "s", 1, 3, {"of": "no\x00body"}),
    Message(b"{}", "a\x00b", 1, 4),
    Message(b'"\\ud800"', "s", 1, 5),
    Message(b'{"n": 1e999}', "s", 1, 6),
    Message(b"9" * 5_000, "s", 1, 7),
]


@pytest.mark.parametrize(
    "fields", [{"target": "topic:all"}, {"mapping": '{"was": "$data"}'}, {"filter": '{"data.n": 1}'}]
)
async def test_no_message_holds_up_those_behind_it(there: memory.Broker, user: Any, fields: dict[str, Any]) -> None:
    """Each goes on or is put aside."""
    there.logs["orders"] += [(one.body, one.all_headers()) for one in POISON]
    await (await brokers.bridge("bus").sink("orders")).send([Message(b'{"n": 1}', "s", 1, 99)])
    route = await make_route(user, **{"source": "bus:orders", "target": "bus:copy", **fields})
    async with running(Gateway()):
        await until(lambda: Route.objects.get(pk=route.pk).moved, 10)
        now = await visit(lambda: Route.objects.get(pk=route.pk))
    assert now.moved + now.passed_over + now.put_aside == len(POISON) + 1
    assert await visit(DeadLetter.objects.count) == now.put_aside


async def test_an_effect_that_the_database_refuses_is_put_aside_and_one_that_cannot_be_now_waits(
    there: memory.Broker,
) -> None:
    bridge = brokers.bridge("bus")
    await (await bridge.sink("orders")).send(numbered("s", range(6)))
    locked = [2]

    def work(message: Message) -> None:
        effect(message)
        if message.offset == 3:
            # What was there already.
            Position.objects.create(reader="r", partition="p", position="")
            Position.objects.create(reader="r", partition="p", position="")
        if message.offset == 4 and locked[0]:
            locked[0] -= 1
            raise OperationalError("database is locked")

    async with consuming(Consumer("billing", lambda positions: bridge.source("orders", positions), work)):
        await until(lambda: effects_of("s") == [0, 1, 2, 4, 5])
    letter = await visit(DeadLetter.objects.get)
    assert (letter.offset, letter.reason[:14]) == (3, "IntegrityError")
    assert locked == [0]


async def test_a_route_begins_with_what_comes_from_now_on_and_stays_with_that(there: memory.Broker, user: Any) -> None:
    sink = await brokers.bridge("bus").sink("orders")
    await sink.send(numbered("s", range(10)))
    route = await make_route(user, source="bus:orders", target="bus:copy", start=Route.Start.NOW)
    async with running(Gateway()):
        await until(lambda: Position.objects.filter(reader="route:test", position="9").exists())
        await until(lambda: Route.objects.filter(pk=route.pk, state="running").exists())
    # What comes while it does not run is not lost, though it has read nothing yet.
    await sink.send(numbered("s", range(10, 13)))
    async with running(Gateway()):
        await until(lambda: Route.objects.get(pk=route.pk).moved == 3)
    assert [int(headers["aura-offset"]) for _, headers in there.logs["copy"]] == [10, 11, 12]


async def test_a_topic_is_read_from_now_on(there: memory.Broker, user: Any) -> None:
    await hub.publish("shop/orders", user, b"a" * 16, "paid", 1)
    route = await make_route(user, source="topic:shop/orders", target="bus:copy", mapping='"$data"', start="now")
    async with running(Gateway()):
        await until(lambda: Route.objects.filter(pk=route.pk, state="running").exists())
        await hub.publish("shop/orders", user, b"b" * 16, "paid", 2)
        await until(lambda: Route.objects.get(pk=route.pk).moved == 1)
    assert [body for body, _ in there.logs["copy"]] == [b"2"]


async def test_a_change_of_a_route_takes_effect_while_it_runs(there: memory.Broker, user: Any) -> None:
    route = await make_route(user, source="outbox:shop", target="bus:one")
    async with running(Gateway()):
        await visit(lambda: outbox.put("shop", *numbered("s", range(1))))
        await until(lambda: Route.objects.get(pk=route.pk).moved == 1)
        await visit(lambda: Route.objects.filter(pk=route.pk).update(target="bus:two"))
        await until(
            lambda: (
                Route.objects.filter(pk=route.pk, state="idle").exists()
                or Route.objects.filter(pk=route.pk, state="running").exists()
            )
        )
        async with asyncio.timeout(20):
            number = 0
            while not there.logs["two"]:
                number += 1
                await visit(lambda n=number: outbox.put("shop", *numbered("s", range(n, n + 1))))
                await asyncio.sleep(0.1)
        await visit(lambda: Route.objects.filter(pk=route.pk).update(source="nowhere:x"))
        found = await until(lambda: Route.objects.filter(pk=route.pk, state="invalid").first())
        assert "there is no broker 'nowhere' in AURA_BROKERS; there are: bus" in found.error
        await visit(lambda: Route.objects.filter(pk=route.pk).update(active=False))


async def test_a_message_that_the_broker_refuses_is_put_aside_and_can_be_tried_again(
    there: memory.Broker, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = await make_route(user, source="outbox:shop", target="bus:orders")
    await visit(
        lambda: outbox.put(
            "shop", Message(b"a", "s", 1, 0), Message(b"x" * (SIZE_LIMIT + 1), "s", 1, 1), Message(b"c", "s", 1, 2)
        )
    )
    async with running(Gateway()):
        letter = await until(DeadLetter.objects.first)
        assert "at most" in letter.reason
        assert [body for body, _ in there.logs["orders"]] == [b"a", b"c"]
        await visit(lambda: DeadLetter.objects.update(again=True))
        await until(lambda: DeadLetter.objects.filter(again=False).exists())
        monkeypatch.setattr(memory, "SIZE_LIMIT", 2 * SIZE_LIMIT)
        await visit(lambda: DeadLetter.objects.update(again=True))
        await until(lambda: not DeadLetter.objects.exists())
        assert len(there.logs["orders"]) == 3
        await until(lambda: Route.objects.get(pk=route.pk).moved == 3)


async def test_a_route_is_moved_by_one_process_at_a_time(there: memory.Broker, user: Any) -> None:
    route = await make_route(user, source="outbox:shop", target="bus:orders")
    assert await visit(lease, route.pk, "one", 60.0)
    assert not await visit(lease, route.pk, "two", 60.0)
    assert await visit(lease, route.pk, "one", 60.0)
    await visit(lambda: outbox.put("shop", *numbered("s", range(1))))
    async with running(Gateway()):
        await asyncio.sleep(1.2)
        assert not there.logs["orders"]
        await visit(release, route.pk, "one")
        await until(lambda: Route.objects.get(pk=route.pk).moved == 1)
        # A frozen holder that comes back must not undo what its successor does.
        await visit(lambda: Route.objects.filter(pk=route.pk).update(holder="three", held_until=2**40))
        await visit(lambda: outbox.put("shop", *numbered("s", range(1, 2))))
        await asyncio.sleep(1.2)
        assert await visit(lambda: Route.objects.get(pk=route.pk).moved) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": "bus"}, "is not BROKER:CHANNEL"),
        ({"source": "other:x"}, "there is no broker 'other'"),
        ({"target": "topic:a b"}, "a topic is named by parts"),
        ({"target": "outbox:x"}, "is filled by programs"),
        ({"target": "bus:orders"}, "leads to where it comes from"),
        ({"target": "topic:presence/shop"}, "only the server writes in presence/"),
        ({"filter": "[1]"}, "a filter is a JSON object"),
        ({"mapping": "{"}, "a mapping is JSON"),
        ({"user": None}, "needs an active user"),
        ({"source": "outbox:shop", "start": "now"}, "an outbox is read from its oldest message"),
    ],
)
def test_a_route_that_cannot_run_is_refused_in_words(
    there: memory.Broker, user: Any, fields: dict[str, Any], words: str
) -> None:
    route = Route(**{"name": "r", "source": "bus:orders", "target": "topic:shop", "user": user, **fields})
    with pytest.raises(ValidationError, match=words):
        route.full_clean()
    route.save()
    with pytest.raises(CommandError, match="Routes that cannot run: 1"):
        call_command("bridges", "--check", stdout=StringIO(), stderr=StringIO())


def test_an_address_that_makes_no_sense_is_an_error_of_every_command(settings: Any) -> None:
    settings.AURA_BROKERS = {"bus": "nats://127.0.0.1", "other": "smtp://x"}
    found = [one for one in checks.run_checks() if one.id == "bridges.E001"]
    assert [one.msg for one in found] == [found[0].msg]
    assert found[0].msg.startswith("AURA_BROKERS, other: a broker's address begins with one of kafka://")
