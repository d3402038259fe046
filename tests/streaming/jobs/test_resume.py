"""Broken lines, killed workers and servers: the client ends up with the same bytes, and workers are free at once."""

import asyncio
import contextlib
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from streaming.datasets.payload import results_of
from tests.live import LiveServer
from tests.streaming.jobs.client import Answer, Client, Event, chunk_bytes, chunks, expected, results, workers

CHANCE = random.Random(5)
DATA = CHANCE.randbytes(3_000_000)


ALL = 1 << 30


async def read(answer: Answer, stop: int) -> list[Event]:
    """Read events until `stop` chunk events were read, then break the line."""
    assert answer.status == 200, await answer.response.text()
    events: list[Event] = []
    async for event in answer:
        events.append(event)
        if len(chunks(events)) == stop or event.name in ("completion", "error"):
            break
    if events[-1].name == "chunk":
        answer.response.close()
    return events


async def part(client: Client, path: str, data: bytes, stop: int) -> list[Event]:
    """Ask for a new job, and read so far."""
    async with client.ask(path, data) as answer:
        return await read(answer, stop)


async def rest(client: Client, path: str, data: bytes, stop: int, last: str) -> list[Event]:
    """Read on behind the event `last`, and send what of the input had not arrived when the line broke."""
    while True:
        _, state = await client.value(f"jobs/{last.split(':', maxsplit=1)[0]}", method="GET")
        there = len(data) if state["complete"] else state["received"]
        names = {"Last_Event_ID": last} | ({"Upload_Offset": str(there)} if there < len(data) else {})
        async with client.ask(path, data[there:], **names) as answer:
            # What the server had in its hands may have reached the disk meanwhile: look again.
            if answer.status != 409:
                return await read(answer, stop)


@pytest.mark.parametrize(
    "path",
    [
        "stream_process?chunk_size=4096",
        "stream_chunks?chunk_size=5000",
        "stream_large_dataset?max_chunk_size=16384",
        "stream_optimized?bandwidth_hint=low",
    ],
)
async def test_cut_at_random_and_resumed_gives_the_bytes_of_an_uncut_run(client: Client, path: str) -> None:
    whole = await client.events(path, DATA)
    for _ in range(3):
        events = await part(client, path, DATA, CHANCE.randrange(1, 60))
        cuts = 1
        while events[-1].name != "completion":
            last = chunks(events)[-1].id
            events += await rest(client, path, DATA, CHANCE.randrange(1, 200), last)
            cuts += 1
        assert cuts > 1
        assert chunk_bytes(events) == chunk_bytes(whole)
        assert events[-1].data["summary"] == whole[-1].data["summary"]
        assert events[-1].data["sha256"] == whole[-1].data["sha256"]


async def test_measured_shapes_give_the_same_document(client: Client) -> None:
    """In `auto` events are as large as the line wants; what they say is the same."""
    whole = await client.events("stream_optimized", DATA)
    events = await part(client, "stream_optimized", DATA, 3)
    events += await rest(client, "stream_optimized", DATA, ALL, events[-1].id)
    document, again = (b"".join(results_of(event.data) for event in chunks(one)) for one in (whole, events))
    assert document == again


async def test_an_upload_that_broke_off_goes_on_where_it_stood(client: Client) -> None:
    seen = asyncio.Event()

    async def first() -> AsyncIterator[bytes]:
        yield DATA[:1_000_000]
        await seen.wait()
        await asyncio.sleep(3600)

    path = "stream_large_dataset"
    events: list[Event] = []
    async with client.ask(path, first()) as answer:
        async for event in answer:
            events.append(event)
            if event.name == "chunk" and event.data["offset"] == 20:
                break
        answer.response.close()
    job = events[0].data["job"]
    # The server notices that the line broke, and marks how far it got.
    async with asyncio.timeout(20):
        there, before = 0, -1
        while not there or there != before:
            await asyncio.sleep(0.3)
            _, state = await client.value(f"jobs/{job}", method="GET")
            there, before = state["received"], there
    assert not state["complete"]
    last = chunks(events)[-1].id
    # One who is wrong about what is there is told; with a long body the line may break before he reads it.
    status, answer_ = await client.value(path, DATA[5:1_000], Last_Event_ID=last, Upload_Offset="5")
    assert (status, answer_["error"]["received"]) == (409, there)
    events += await client.events(path, DATA[there:], Last_Event_ID=last, Upload_Offset=str(there))
    assert results(events) == expected(DATA, 16_384)


async def test_a_server_that_died_between_the_last_byte_and_its_mark(client: Client, live: LiveServer) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset", "size": 5}))
    await client.value(f"jobs/{job['job']}/input", b"al", "PATCH", Upload_Offset="0")
    folder = live.folder / "datasets" / job["job"].replace("-", "")
    with (folder / "input.part").open("ab") as file:
        file.write(b"l.\n")
    events = await client.events(f"stream_large_dataset?job={job['job']}")
    assert results(events) == expected(b"all.\n", 16_384)


async def test_an_input_in_parts_is_read_while_it_comes(client: Client) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset", "size": len(DATA)}))
    path = f"jobs/{job['job']}/input"
    reading = asyncio.create_task(client.events(f"stream_large_dataset?job={job['job']}", method="GET"))
    at = 0
    while at < len(DATA):
        status, answer = await client.value(path, DATA[at : at + 700_000], "PATCH", Upload_Offset=str(at))
        assert status == 200
        at = answer["received"]
    assert answer["complete"]
    assert results(await reading) == expected(DATA, 16_384)
    status, answer = await client.value(path, b"x", "PATCH", Upload_Offset=str(at))
    assert status == 409


async def test_more_than_a_job_was_said_to_have_is_refused_and_the_rest_still_taken(client: Client) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_process", "size": 10}))
    path = f"jobs/{job['job']}/input"
    await client.value(path, b"hello", "PATCH", Upload_Offset="0")
    status, answer = await client.value(path, b"hello and more", "PATCH", Upload_Offset="5")
    assert (status, answer["error"]["code"], answer["error"]["received"]) == (413, "too_large", 5)

    async def unsized() -> AsyncIterator[bytes]:
        yield b"hello and more"

    status, answer = await client.value(path, unsized(), "PATCH", Upload_Offset="5")
    assert (status, answer["error"]["code"]) == (413, "too_large")
    status, answer = await client.value(path, b"again", "PATCH", Upload_Offset="5")
    assert (status, answer["received"], answer["complete"]) == (200, 10, True)


async def test_an_upload_that_is_said_to_be_over_too_soon_goes_on_where_it_stood(client: Client) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset", "size": 10}))
    path = f"jobs/{job['job']}/input"
    status, answer = await client.value(path, b"hello", "PATCH", Upload_Offset="0", Upload_Complete="?1")
    assert (status, answer["error"]["code"], answer["error"]["received"]) == (409, "conflict", 5)
    assert "the 5 that are missing" in answer["error"]["message"]
    # The same where the rest comes together with the question for the events.
    last, path_of_events = f"{job['job']}:1:0", "stream_large_dataset"
    events = await client.events(path_of_events, b"aga", Last_Event_ID=last, Upload_Offset="5")
    assert (events[-1].name, events[-1].data["recoverable"]) == ("error", True)
    _, state = await client.value(f"jobs/{job['job']}", method="GET")
    assert (state["status"], state["size"], state["received"], state["complete"]) == ("waiting", 10, 8, False)
    events = await client.events(path_of_events, b"in", Last_Event_ID=last, Upload_Offset="8")
    assert results(events) == expected(b"helloagain", 16_384)


async def test_a_newer_connection_replaces_the_older(client: Client) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset"}))
    path = f"stream_large_dataset?job={job['job']}"
    async with client.ask(path, method="GET") as older:
        first = await anext(aiter(older))
        assert first.name == "metadata"
        newer = asyncio.create_task(client.events(path, method="GET"))
        rest = await older.all()
    assert (rest[-1].data["code"], rest[-1].data["recoverable"]) == ("conflict", False)
    await client.value(f"jobs/{job['job']}/input", b"abc", "PATCH", Upload_Offset="0", Upload_Complete="?1")
    assert results(await newer) == expected(b"abc", 16_384)


async def test_a_server_that_was_killed_goes_on_after_its_start(
    own_server: LiveServer, http: aiohttp.ClientSession
) -> None:
    client = Client(own_server, http)
    whole = await client.events("stream_large_dataset?max_chunk_size=4096", DATA)
    events: list[Event] = []
    async with client.ask("stream_large_dataset?max_chunk_size=4096", DATA) as answer:
        # What was on its way when the server died counts as lost.
        async for event in answer:
            events.append(event)
            if len(chunks(events)) == 400:
                own_server.stop(signal.SIGKILL)
                break
    own_server.start()
    events += await rest(client, "stream_large_dataset", DATA, ALL, events[-1].id)
    assert chunk_bytes(events) == chunk_bytes(whole)
    assert events[-1].data["summary"] == whole[-1].data["summary"]


async def test_a_server_that_stops_asks_to_come_back(own_server: LiveServer, http: aiohttp.ClientSession) -> None:
    client = Client(own_server, http)
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset"}))
    await client.value(f"jobs/{job['job']}/input", DATA[:100_000], "PATCH", Upload_Offset="0")
    events: list[Event] = []
    async with client.ask(f"stream_large_dataset?job={job['job']}", method="GET") as answer:
        async for event in answer:
            events.append(event)
            if event.name == "chunk" and event.data["offset"] == 5:
                assert own_server.process is not None
                own_server.process.send_signal(signal.SIGTERM)
    assert events[-1].name == "error"
    assert events[-1].data["recoverable"]
    assert events[-1].data["position"] == 6 * 16_384
    own_server.stop()
    assert "Traceback" not in own_server.log()
    own_server.start()
    await client.value(
        f"jobs/{job['job']}/input", DATA[100_000:], "PATCH", Upload_Offset="100000", Upload_Complete="?1"
    )
    events += await client.events("stream_large_dataset", method="GET", Last_Event_ID=chunks(events)[-1].id)
    assert results(events) == expected(DATA, 16_384)


@pytest.fixture(scope="module")
def lone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with one worker, whatever the machine."""
    server = LiveServer(tmp_path_factory.mktemp("lone"), STREAMING_DATASET_WORKERS="1")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def lone(lone_server: LiveServer, http: aiohttp.ClientSession) -> Client:
    return Client(lone_server, http)


async def warm(client: Client) -> int:
    """Return the only worker of a server, started."""
    await client.events("stream_process", b"x")
    (pid,) = workers(client.live)
    return pid


async def test_heartbeats_come_while_a_chunk_is_computed(lone: Client) -> None:
    pid = await warm(lone)
    os.kill(pid, signal.SIGSTOP)
    beats = []
    try:
        async with lone.ask("stream_process?heartbeat_interval=1", b"takes long") as answer:
            async for event in answer:
                if event.name == "heartbeat":
                    beats.append(event.data["elapsed_s"])
                if len(beats) == 3:
                    os.kill(pid, signal.SIGCONT)
                last = event
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert last.name == "completion"
    assert [round(beat) for beat in beats[:3]] == [1, 2, 3]


async def test_without_timeout_prevention_there_are_none(lone: Client) -> None:
    pid = await warm(lone)
    os.kill(pid, signal.SIGSTOP)
    asking = asyncio.create_task(
        lone.events("stream_chunks?heartbeat_interval=1&timeout_prevention=false", DATA[:60_000])
    )
    await asyncio.sleep(1.5)
    os.kill(pid, signal.SIGCONT)
    assert {event.name for event in await asking} == {"metadata", "chunk", "completion"}


async def test_a_worker_that_was_killed_costs_nothing_but_time(lone: Client) -> None:
    pid = await warm(lone)
    events: list[Event] = []
    async with lone.ask("stream_large_dataset?max_chunk_size=1024", DATA) as answer:
        async for event in answer:
            events.append(event)
            if len(chunks(events)) == 100:
                os.kill(pid, signal.SIGKILL)
    assert results(events) == expected(DATA, 1024)
    assert workers(lone.live) != [pid]


async def test_cancelling_frees_a_worker_that_is_stuck(lone: Client) -> None:
    pid = await warm(lone)
    os.kill(pid, signal.SIGSTOP)
    async with lone.ask("stream_process", DATA) as answer:
        first = await anext(aiter(answer))
        job = first.data["job"]
        asking = asyncio.create_task(lone.events("stream_process", b"another"))
        status, state = await lone.value(f"jobs/{job}", method="DELETE")
        assert (status, state["status"]) == (200, "cancelled")
        last = (await answer.all())[-1]
        assert (last.name, last.data["recoverable"]) == ("error", False)
        assert "cancelled" in last.data["message"]
    # The only worker was stopped, so it was ended, and another serves those who wait.
    assert results(await asking) == expected(b"another", 1024)
    assert pid not in workers(lone.live)
    assert (await lone.value(f"jobs/{job}", method="DELETE"))[0] == 409
    assert (await lone.value(f"stream_process?job={job}", b""))[0] == 410


async def test_a_client_that_leaves_frees_its_worker(lone: Client) -> None:
    await warm(lone)
    async with lone.ask("stream_chunks?chunk_size=128", DATA) as answer:
        async for event in answer:
            if event.name == "chunk":
                break
        answer.response.close()
    while True:
        _, _, stats = await asyncio.to_thread(lone.live.get, "/api/streaming/stats")
        if stats["datasets"]["running"] == stats["datasets"]["busy"] == 0:
            break
    assert stats["datasets"]["bytes"] > 0


async def test_jobs_take_turns(lone: Client) -> None:
    """A short job does not wait for a long one to end, although there is one worker."""
    await warm(lone)
    order: list[str] = []

    async def run(name: str, data: bytes) -> None:
        await lone.events("stream_chunks?chunk_size=128", data)
        order.append(name)

    long = asyncio.create_task(run("long", DATA[:500_000]))
    await asyncio.sleep(0.2)
    await asyncio.gather(*(run("short", DATA[:2_000]) for _ in range(4)))
    await long
    assert order == ["short"] * 4 + ["long"]
