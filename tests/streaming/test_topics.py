"""Topics over real connections: numbering, filters, reliability, replay, presence, fan-out; one process and two."""

import asyncio
import http.client
import json
import os
import signal

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from websockets.asyncio.client import connect

from streaming.client import ChatClient
from streaming.hub import hub
from streaming.protocol.client import ClientEvent, Ended, EventArrived, Failed, Opened, Published, Reading
from streaming.protocol.codes import Action, FaultCode, Reliability
from tests.live import LiveServer
from tests.streaming.leaving import leave_behind_the_status
from tests.streaming.test_http import Events


def topic_of(request: pytest.FixtureRequest) -> str:
    return f"test/{request.node.name[:60].replace('[', '-').replace(']', '')}"


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    return topic_of(request)


def publish(live: LiveServer, topic: str, data: object, kind: str = "", key: str = "", user: str = "ada") -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    headers = {"Authorization": f"Bearer {live.users[user]['key']}", "Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    connection.request("POST", f"/api/v1/topics/{topic}", json.dumps({"kind": kind, "data": data}), headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return {"status": response.status, **body}


async def say(live: LiveServer, topic: str, *data: object, kind: str = "") -> None:
    for item in data:
        found = await asyncio.to_thread(publish, live, topic, item, kind)
        assert found["status"] == 201


def events_url(live: LiveServer) -> str:
    return live.ws.replace("ws/chat/", "ws/events/")


async def until(client: ChatClient, kind: type, count: int = 1) -> list[ClientEvent]:
    """Return the next events of that kind; what else comes is passed over."""
    await client.flush()
    found: list[ClientEvent] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            while client._events:
                event = client._events.popleft()
                if isinstance(event, kind):
                    found.append(event)
                if len(found) == count:
                    break
            if len(found) < count:
                await client.step()
    return found


async def subscribed(client: ChatClient, topic: str, **options: object) -> Reading:
    reading = client.session.subscribe(topic, **options)
    await until(client, Opened)
    return reading


def data_of(events: list[ClientEvent]) -> list[object]:
    return [json.loads(event.text)["data"] for event in events if isinstance(event, EventArrived)]


async def test_every_subscriber_gets_every_event_in_order(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as one, ChatClient(events_url(live), live.key) as two:
        await subscribed(one, topic)
        await subscribed(two, topic)
        await say(live, topic, *range(20))
        for client in (one, two):
            events = await until(client, EventArrived, 20)
            assert data_of(events) == list(range(20))
            assert [event.offset for event in events] == list(range(20))
            assert json.loads(events[0].text)["from"] == "ada"


async def test_a_client_publishes_and_hears_itself(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as client:
        reading = await subscribed(client, topic)
        for number in range(50):
            client.session.publish(topic, json.dumps({"kind": "count", "data": number}), os.urandom(16))
        events = await until(client, EventArrived, 50)
        assert data_of(events) == list(range(50))
        assert reading.offset == 50
        again = os.urandom(16)
        for _ in range(2):
            client.session.publish(topic, '{"data": "once"}', again)
        receipts: list[ClientEvent] = []
        while len(receipts) < 2:
            receipts += [event for event in await until(client, Published) if event.id == again]
        assert receipts[0] == receipts[1]
        _, _, body = await asyncio.to_thread(live.get, f"/api/v1/topics/{topic}")
        assert body["offset"] == 51


async def test_an_event_of_two_is_one_and_outlives_the_one_who_goes(live: LiveServer, topic: str) -> None:
    identifier, text = os.urandom(16), json.dumps({"data": "once"})
    async with ChatClient(events_url(live), live.key) as one, ChatClient(events_url(live), live.key) as two:
        await subscribed(two, topic)
        for client in (one, two):
            client.session.publish(topic, text, identifier)
            await client.flush()
        one.drop()
        two.session.publish(topic, json.dumps({"data": "after"}), os.urandom(16))
        events = await until(two, EventArrived, 2)
        assert data_of(events) == ["once", "after"]
        assert [event.offset for event in events] == [0, 1]


async def test_a_filter_leaves_out_and_the_position_counts_what_was_left_out(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as client:
        wanted = json.dumps({"data.room": [7, 8], "kind": "alarm"})
        reading = await subscribed(client, topic, wanted=wanted)
        await say(live, topic, {"room": 1}, {"room": 7}, {"room": 2}, {"room": 3}, {"room": 8}, kind="alarm")
        await say(live, topic, {"room": 7}, kind="note")
        await say(live, topic, {"room": 7, "last": True}, kind="alarm")
        events = await until(client, EventArrived, 3)
        assert [(event.offset, event.passed) for event in events] == [(1, 1), (4, 2), (6, 1)]
        assert reading.offset == 7


async def test_a_broken_line_costs_no_event_and_doubles_none(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as client:
        await subscribed(client, topic)
        await say(live, topic, 0, 1, 2)
        got = data_of(await until(client, EventArrived, 2))
        client.drop()
        await say(live, topic, 3, 4)
        await client.connect()
        got += data_of(await until(client, EventArrived, 3))
        assert got == [0, 1, 2, 3, 4]


async def test_at_least_once_goes_on_behind_what_was_acknowledged(live: LiveServer, topic: str) -> None:
    options = {"reliability": Reliability.AT_LEAST_ONCE, "name": "billing"}
    async with ChatClient(events_url(live), live.key) as client:
        reading = await subscribed(client, topic, **options)
        await say(live, topic, 0, 1, 2, 3)
        await until(client, EventArrived, 2)
        client.session.acknowledge(reading)
        await until(client, EventArrived, 2)
        await client.flush()
    async with ChatClient(events_url(live), live.key) as client:
        await subscribed(client, topic, **options)
        assert data_of(await until(client, EventArrived, 2)) == [2, 3]
    async with ChatClient(events_url(live), live.key) as client:
        await subscribed(client, topic, reliability=Reliability.AT_LEAST_ONCE, name="another")
        await say(live, topic, 4)
        assert data_of(await until(client, EventArrived)) == [4]


async def test_at_least_once_misses_nothing_before_the_first_acknowledgement(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as client:
        await subscribed(client, topic, reliability=Reliability.AT_LEAST_ONCE, name="new")
        client.drop()
        await say(live, topic, 0, 1)
        await client.connect()
        assert data_of(await until(client, EventArrived, 2)) == [0, 1]


async def test_a_topic_survives_kill_9_with_its_numbers(own_server: LiveServer, topic: str) -> None:
    live = own_server
    async with ChatClient(events_url(live), live.key) as client:
        options = {"reliability": Reliability.AT_LEAST_ONCE, "name": "kept"}
        await subscribed(client, topic)
        durable = await subscribed(client, topic, **options)
        await say(live, topic, *range(5))
        await until(client, EventArrived, 10)
        client.session.acknowledge(durable)
        await client.flush()
        await asyncio.sleep(2.5)
        await asyncio.to_thread(live.stop, signal.SIGKILL)
        await asyncio.to_thread(live.start)
        await say(live, topic, 5)
        await client.connect()
        events = await until(client, EventArrived, 2)
        assert [event.offset for event in events] == [5, 5]
    _, _, body = await asyncio.to_thread(live.get, f"/api/v1/topics/{topic}")
    assert (body["epoch"], body["offset"]) == (1, 6)
    assert "are good" in await asyncio.to_thread(live.manage, "verify_audit")


async def test_a_position_that_never_was_is_refused(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as client:
        client.session.subscribe(topic, epoch=1, offset=99)
        failed = (await until(client, Failed))[0]
        assert failed.fault.code == FaultCode.RESUME_IMPOSSIBLE
        client.session.subscribe(topic, epoch=7, offset=0)
        failed = (await until(client, Failed))[0]
        assert failed.fault.code == FaultCode.RESUME_IMPOSSIBLE
        client.session.subscribe("no such/../name!")
        failed = (await until(client, Failed))[0]
        assert failed.fault.code == FaultCode.UNKNOWN_STREAM
        client.session.subscribe(topic, wanted="{")
        failed = (await until(client, Failed))[0]
        assert failed.fault.code == FaultCode.MALFORMED


async def test_a_subscription_is_ended_by_cancel_and_the_session_goes_on(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as client:
        reading = await subscribed(client, topic)
        await say(live, topic, 1)
        await until(client, EventArrived)
        client.session.control(Action.CANCEL, reading.channel)
        await until(client, Ended)
        await say(live, topic, 2)
        await subscribed(client, topic, epoch=1, offset=0)
        assert data_of(await until(client, EventArrived, 2)) == [1, 2]


async def test_topics_of_ones_own_are_nobody_elses(live: LiveServer) -> None:
    async with ChatClient(events_url(live), live.users["eve"]["key"]) as eve:
        await subscribed(eve, "my/devices")
        await say(live, "my/devices", "ada's")
        assert (await asyncio.to_thread(publish, live, "my/devices", "eve's", user="eve"))["status"] == 201
        assert data_of(await until(eve, EventArrived)) == ["eve's"]


async def test_who_is_there_is_known_and_told(live: LiveServer, topic: str) -> None:
    async with ChatClient(events_url(live), live.key) as watcher:
        await subscribed(watcher, f"presence/{topic}")
        async with ChatClient(events_url(live), live.users["eve"]["key"]) as eve:
            await subscribed(eve, topic)
            _, _, body = await asyncio.to_thread(live.get, f"/api/v1/topics/{topic}")
            assert body["present"] == {"eve": 1}
            joined = json.loads((await until(watcher, EventArrived))[0].text)
            assert (joined["kind"], joined["from"], joined["data"]) == ("joined", "eve", {"topic": topic})
        left = json.loads((await until(watcher, EventArrived))[0].text)
        assert (left["kind"], left["from"]) == ("left", "eve")
    _, _, body = await asyncio.to_thread(live.get, f"/api/v1/topics/{topic}")
    assert body["present"] == {}


async def test_nobody_but_the_server_says_who_comes_and_goes(live: LiveServer, topic: str) -> None:
    name = f"presence/{topic}"
    async with ChatClient(events_url(live), live.key) as watcher:
        await subscribed(watcher, name)
        watcher.session.publish(name, json.dumps({"kind": "left", "data": {"topic": topic}}), os.urandom(16))
        fault = (await until(watcher, Failed))[0].fault
        assert (fault.code, fault.retry) == (FaultCode.NOT_ALLOWED, False)
        assert "only the server writes" in fault.message
        forged = await asyncio.to_thread(publish, live, name, {"topic": topic}, "joined", user="eve")
        assert (forged["status"], forged["error"]["code"]) == (403, "not_allowed")
        async with ChatClient(events_url(live), live.users["eve"]["key"]) as eve:
            await subscribed(eve, topic)
            event = (await until(watcher, EventArrived))[0]
            assert (event.offset, json.loads(event.text)["kind"]) == (0, "joined")


@pytest.mark.environment(STREAMING_SESSIONS_PER_USER="100")
async def test_an_event_is_coded_once_for_all_its_subscribers(own_server: LiveServer, topic: str) -> None:
    live = own_server
    clients = [ChatClient(events_url(live), live.key) for _ in range(40)]
    for client in clients:
        await client.connect()
        await subscribed(client, topic)
    await say(live, topic, *(f"a sentence of some length, number {number}" for number in range(5)))
    for client in clients:
        assert len(await until(client, EventArrived, 5)) == 5
    _, _, body = await asyncio.to_thread(live.get, "/api/streaming/stats")
    assert body["topics"]["encodes"] == 5
    for client in clients:
        await client.close()


def test_http_publishes_once_for_a_key_and_says_what_is_wrong(live: LiveServer, topic: str) -> None:
    first = publish(live, topic, {"n": 1}, key="k1")
    assert publish(live, topic, {"n": 1}, key="k1")["offset"] == first["offset"]
    assert publish(live, topic, {"n": 1})["offset"] == first["offset"] + 1
    assert publish(live, topic, "x" * 40_000)["status"] == 413
    assert publish(live, topic, 1, kind="k" * 65)["status"] == 422
    deep: object = 1
    for _ in range(400):
        deep = [deep]
    assert publish(live, topic, deep)["status"] == 422
    assert publish(live, "bad,name", 1)["status"] == 404
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    connection.request("POST", f"/api/v1/topics/{topic}", b"{", {"Authorization": f"Bearer {live.key}"})
    response = connection.getresponse()
    assert response.status == 422
    assert "JSON object" in json.loads(response.read())["error"]["message"]
    connection.close()
    assert live.get(f"/api/v1/topics/{topic}", key="")[0] == 401


def test_a_topic_is_an_event_stream_that_resumes(live: LiveServer, topic: str) -> None:
    events = Events(live, f"/api/v1/topics/{topic}/events?filter=" + "%7B%22kind%22%3A%22a%22%7D")
    reading = iter(events)
    assert next(reading)[0] == "open"
    publish(live, topic, 1, kind="a")
    publish(live, topic, 2, kind="b")
    publish(live, topic, 3, kind="a")
    name, data, last = next(reading)
    assert (name, data["event"]["data"], data["offset"]) == ("event", 1, 0)
    events.close()
    rest = iter(Events(live, f"/api/v1/topics/{topic}/events", Last_Event_ID=last))
    assert next(rest)[0] == "open"
    assert [next(rest)[1]["event"]["data"] for _ in range(2)] == [2, 3]
    assert live.get(f"/api/v1/topics/{topic}/events?offset=x")[0] == 422
    assert live.get(f"/api/v1/topics/{topic}/events?offset=-1")[0] == 422
    assert live.get(f"/api/v1/topics/{topic}/events?filter=x")[0] == 422
    # Nothing could be acknowledged.
    assert live.get(f"/api/v1/topics/{topic}/events?reliability=at_least_once")[0] == 422
    assert live.get(f"/api/v1/topics/{topic}/events?offset=77")[0] == 410


async def test_json_for_people_at_a_terminal(live: LiveServer, topic: str) -> None:
    headers = {"Authorization": f"Bearer {live.key}"}
    async with connect(events_url(live), additional_headers=headers) as socket:
        await socket.send(json.dumps({"type": "subscribe", "topic": topic, "filter": {"kind": "hi"}}))
        await socket.send(json.dumps({"type": "publish", "topic": topic, "kind": "no", "data": 1}))
        await socket.send(json.dumps({"type": "publish", "topic": topic, "kind": "hi", "data": {"a": "ب"}}))
        got: dict[str, dict] = {}
        while "event" not in got:
            message = json.loads(await asyncio.wait_for(socket.recv(), 20))
            got[message["type"]] = message
        assert got["event"]["offset"] == 1
        assert got["event"]["event"]["data"] == {"a": "ب"}
        await socket.send(json.dumps({"type": "subscribe"}))
        with pytest.raises(Exception, match='"topic" is missing'):
            while True:
                await asyncio.wait_for(socket.recv(), 20)


async def test_two_servers_are_one_topic(pair: tuple[LiveServer, LiveServer], topic: str) -> None:
    first, second = pair
    async with ChatClient(events_url(first), first.key) as one, ChatClient(events_url(second), first.key) as two:
        await subscribed(one, topic)
        await subscribed(two, topic)
        for number in range(20):
            await say(pair[number % 2], topic, number)
        for client in (one, two):
            assert data_of(await until(client, EventArrived, 20)) == list(range(20))
        _, _, body = await asyncio.to_thread(first.get, f"/api/v1/topics/{topic}")
        assert body["present"] == {"ada": 2}


async def test_a_topic_outlives_the_server_that_writes_it(pair: tuple[LiveServer, LiveServer], topic: str) -> None:
    first, second = pair
    async with ChatClient(events_url(second), second.key) as client:
        await say(first, topic, 0)  # so it is the first that owns it
        await subscribed(client, topic)
        await say(first, topic, 1, 2)
        await asyncio.to_thread(first.stop, signal.SIGKILL)
        await say(second, topic, 3, 4)
        events = await until(client, EventArrived, 4)
        assert data_of(events) == [1, 2, 3, 4]
        assert [event.offset for event in events] == [1, 2, 3, 4]
    await asyncio.to_thread(first.start)


@pytest.mark.django_db(transaction=True)
async def test_who_leaves_behind_the_status_and_before_the_body_is_present_no_longer() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    await leave_behind_the_status(user, "GET", "/api/v1/topics/shop/left/events")
    assert await hub.present(await hub.topic("shop/left", user.pk)) == {}
