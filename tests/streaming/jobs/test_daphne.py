"""The dataset endpoints on daphne, which takes a body whole before anybody sees of it."""

import asyncio
import json
import signal

import aiohttp
import pytest

from streaming.datasets.payload import results_of
from tests.live import LiveServer
from tests.streaming.jobs.client import Client, Event, chunk_bytes, chunks, expected, results
from tests.streaming.jobs.test_resume import ALL, CHANCE, DATA, part, rest

SERVERS = ["daphne"]


@pytest.mark.parametrize(
    "path",
    [
        "stream_process?chunk_size=4096",
        "stream_large_dataset?max_chunk_size=8192",
        "stream_optimized?bandwidth_hint=low",
    ],
)
async def test_cut_at_random_and_resumed(client: Client, path: str) -> None:
    data = DATA[:1_000_000]
    whole = await client.events(path, data)
    assert [event.name for event in (whole[0], whole[-1])] == ["metadata", "completion"]
    events = await part(client, path, data, CHANCE.randrange(1, 20))
    while events[-1].name != "completion":
        events += await rest(client, path, data, CHANCE.randrange(1, 60), chunks(events)[-1].id)
    assert chunk_bytes(events) == chunk_bytes(whole)
    assert events[-1].data["sha256"] == whole[-1].data["sha256"]


async def test_progressive_json(client: Client) -> None:
    events = await client.events("stream_optimized", DATA[:100_000])
    document = b"".join(results_of(event.data) for event in chunks(events)) + events[-1].data["closing"].encode()
    assert json.loads(document)["results"] == expected(DATA[:100_000], 2048)


async def test_an_input_in_parts_is_read_while_it_comes(client: Client) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset", "size": 200_000}))
    seen: list[Event] = []
    first = asyncio.Event()

    async def read() -> None:
        async with client.ask(f"stream_large_dataset?job={job['job']}", method="GET") as answer:
            async for event in answer:
                seen.append(event)
                if event.name == "chunk":
                    first.set()

    reading = asyncio.create_task(read())
    path = f"jobs/{job['job']}/input"
    await client.value(path, DATA[:100_000], "PATCH", Upload_Offset="0")
    await asyncio.wait_for(first.wait(), 60)
    assert (await client.value(path, DATA[5:1_000], "PATCH", Upload_Offset="5"))[0] == 409
    await client.value(path, DATA[100_000:200_000], "PATCH", Upload_Offset="100000")
    await reading
    assert results(seen) == expected(DATA[:200_000], 16_384)


async def test_cancelling_tells_who_reads(client: Client) -> None:
    _, job = await client.value("jobs", json.dumps({"endpoint": "stream_large_dataset"}))
    async with client.ask(f"stream_large_dataset?job={job['job']}", method="GET") as answer:
        assert (await anext(aiter(answer))).name == "metadata"
        assert (await client.value(f"jobs/{job['job']}", method="DELETE"))[0] == 200
        last = (await answer.all())[-1]
    assert (last.name, last.data["recoverable"]) == ("error", False)


async def test_heartbeats_while_the_input_stands_still(client: Client) -> None:
    _, job = await client.value(
        "jobs", json.dumps({"endpoint": "stream_large_dataset", "parameters": {"heartbeat_interval": 1}})
    )
    beats = []
    async with client.ask(f"stream_large_dataset?job={job['job']}", method="GET") as answer:
        async for event in answer:
            if event.name == "heartbeat":
                beats.append(round(event.data["elapsed_s"]))
            if len(beats) == 2:
                break
        answer.response.close()
    assert beats == [1, 2]


async def test_refusals(client: Client) -> None:
    status, answer = await client.value("stream_chunks?chunk_size=127", b"x")
    assert (status, answer["error"]["allowed"]) == (422, {"minimum": 128, "maximum": 8192})
    assert (await client.value("stream_process", b""))[0] == 422


async def test_a_server_that_was_killed_goes_on_after_its_start(
    own_server: LiveServer, http: aiohttp.ClientSession
) -> None:
    client = Client(own_server, http)
    data = DATA[:1_000_000]
    events: list[Event] = []
    async with client.ask("stream_large_dataset?max_chunk_size=4096", data) as answer:
        try:
            async for event in answer:
                events.append(event)
                if len(chunks(events)) == 50:
                    own_server.stop(signal.SIGKILL)
        except aiohttp.ClientError:
            pass
    assert events[-1].name == "chunk"
    own_server.start()
    events += await rest(client, "stream_large_dataset", data, ALL, events[-1].id)
    assert results(events) == expected(data, 4096)
