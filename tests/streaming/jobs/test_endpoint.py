"""The four endpoints on a real server: what they answer, and what they refuse."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from streaming.datasets.network import Mode, Spec
from streaming.datasets.payload import results_of
from tests.live import LiveServer
from tests.streaming.jobs.client import BASE, Client, chunks, expected, results

TEXT = "".join(f"{number}: the membranes read this. " for number in range(2_000)).encode()
BINARY = bytes(range(256)) * 300


async def test_stream_process_says_what_the_network_says(client: Client) -> None:
    body = {"input_data": TEXT.decode(), "membrane_depth": 2, "esn_size": 32, "processing_mode": "chain", "seed": 9}
    async with client.ask("stream_process?chunk_size=512", json.dumps(body), Content_Type="application/json") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["X-Server-Rendered"] == "true"
        assert answer.headers["X-Timeout-Prevention"] == "true"
        events = await answer.all()
    assert results(events) == expected(TEXT, 512, Spec(2, 32, Mode.CHAIN, 9))
    first, last = events[0], events[-1]
    assert (first.name, last.name) == ("metadata", "completion")
    assert first.data["size"] == len(TEXT)
    assert first.data["content"] == "text"
    assert first.data["estimate"]["chunks"] == len(chunks(events)) == last.data["summary"]["chunks"]
    assert first.data["estimate"]["seconds"] > 0
    # Over 50 KB: a heartbeat at once.
    assert events[1].name == "heartbeat"
    assert {event.name for event in events[2:-1]} == {"chunk"}


async def test_a_small_input_gets_no_heartbeat_at_once(client: Client) -> None:
    events = await client.events("stream_process", b"hello")
    assert [event.name for event in events] == ["metadata", "chunk", "completion"]


@pytest.mark.parametrize(("level", "codec"), [(0, "none"), (1, "gzip"), (3, "gzip")])
async def test_stream_large_dataset_gives_hex(client: Client, level: int, codec: str) -> None:
    path = f"stream_large_dataset?max_chunk_size=2048&compression_level={level}"
    async with client.ask(path, TEXT) as answer:
        assert answer.headers["X-Large-Dataset-Optimized"] == "true"
        assert answer.headers["X-Compression-Level"] == str(level)
        events = await answer.all()
    assert all("hex" in event.data and event.data["codec"] == codec for event in chunks(events))
    assert results(events) == expected(TEXT, 2048)
    assert events[-1].data["throughput_mb_s"] > 0


async def test_bytes_are_coded_with_zlib(client: Client) -> None:
    events = await client.events("stream_large_dataset", BINARY)
    assert {event.data["codec"] for event in chunks(events)} == {"zlib"}
    assert results(events) == expected(BINARY, 16_384)


@pytest.mark.parametrize("compression", ["true", "false"])
async def test_stream_chunks(client: Client, compression: str) -> None:
    events = await client.events(f"stream_chunks?chunk_size=1000&enable_compression={compression}", TEXT)
    assert results(events) == expected(TEXT, 1000)
    assert any("base64" in event.data for event in chunks(events)) == (compression == "true")


@pytest.mark.parametrize("hint", ["low", "medium", "high", "auto"])
@pytest.mark.parametrize("adaptive", ["true", "false"])
async def test_stream_optimized_is_one_document_that_can_be_read_as_it_comes(
    client: Client, hint: str, adaptive: str
) -> None:
    path = f"stream_optimized?bandwidth_hint={hint}&adaptive_compression={adaptive}"
    events = await client.events(path, TEXT * 4)
    document, seen = b"", 0
    for event in chunks(events):
        document += results_of(event.data)
        so_far = json.loads(document + b"]}")["results"]
        assert len(so_far) == seen + event.data["count"]
        seen = len(so_far)
        assert ("text" in event.data) == (adaptive == "false")
    whole = json.loads(document + events[-1].data["closing"].encode())
    assert whole["results"] == expected(TEXT * 4, 2048)
    assert whole["summary"] == events[-1].data["summary"]


async def test_stream_optimized_without_progressive_rendering_gives_arrays(client: Client) -> None:
    events = await client.events("stream_optimized?enable_progressive_rendering=false&bandwidth_hint=low", TEXT)
    found = [result for event in chunks(events) for result in json.loads(results_of(event.data))]
    assert found == expected(TEXT, 2048)
    assert len(chunks(events)) > 2


async def test_get_for_an_event_source(client: Client, live: LiveServer) -> None:
    events = await client.events("stream_large_dataset?input_data=hello%20world", method="GET")
    assert results(events) == expected(b"hello world", 16_384)
    async with client.ask("stream_large_dataset?input_data=x", method="GET", Last_Event_ID=events[-1].id) as answer:
        assert answer.status == 204


async def test_results_come_while_the_upload_still_runs(client: Client) -> None:
    seen = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield BINARY[:40_000]
        await asyncio.wait_for(seen.wait(), 60)
        yield BINARY[40_000:]

    events = []
    async with client.ask("stream_large_dataset", body()) as answer:
        async for event in answer:
            events.append(event)
            if event.name == "chunk":
                seen.set()
    assert results(events) == expected(BINARY, 16_384)
    assert events[0].data["size"] is None


async def test_a_large_json_body_is_read_as_it_comes(client: Client) -> None:
    text = 'line "one" \\ two\n é😀 ' * 80_000
    seen = asyncio.Event()
    encoded = json.dumps({"seed": 3, "input_data": text}).encode()

    async def body() -> AsyncIterator[bytes]:
        yield encoded[:1_500_000]
        await asyncio.wait_for(seen.wait(), 60)
        yield encoded[1_500_000:]

    events = []
    async with client.ask("stream_large_dataset", body(), Content_Type="application/json") as answer:
        assert answer.status == 200
        async for event in answer:
            events.append(event)
            if event.name == "chunk":
                seen.set()
    assert results(events) == expected(text.encode(), 16_384, Spec(seed=3))


async def test_a_large_json_body_that_breaks_off_is_a_fatal_error(client: Client) -> None:
    encoded = json.dumps({"input_data": "x" * 1_500_000}).encode()
    for body, said in ((encoded[:-1], "too early"), (encoded[:-1] + b', "seed": 1}', "seed came late")):
        last = (await client.events("stream_large_dataset", body, Content_Type="application/json"))[-1]
        assert (last.name, last.data["recoverable"], last.data["code"]) == ("error", False, "malformed")
        assert said in last.data["message"]


BAD = [
    ("stream_chunks?chunk_size=127", "chunk_size", {"minimum": 128, "maximum": 8192}),
    ("stream_chunks?chunk_size=8193", "chunk_size", {"minimum": 128, "maximum": 8192}),
    ("stream_chunks?enable_compression=maybe", "enable_compression", {"enum": [True, False]}),
    ("stream_large_dataset?max_chunk_size=511", "max_chunk_size", {"minimum": 512, "maximum": 16384}),
    ("stream_large_dataset?compression_level=4", "compression_level", {"minimum": 0, "maximum": 3}),
    ("stream_optimized?bandwidth_hint=huge", "bandwidth_hint", {"enum": ["low", "medium", "high", "auto"]}),
    ("stream_process?membrane_depth=7", "membrane_depth", {"minimum": 1, "maximum": 6}),
    ("stream_process?esn_size=15", "esn_size", {"minimum": 16, "maximum": 1024}),
    ("stream_process?processing_mode=magic", "processing_mode", {"enum": ["tree", "chain", "parallel"]}),
    ("stream_process?seed=-1", "seed", {"minimum": 0, "maximum": 2**32 - 1}),
    ("stream_process?heartbeat_interval=0", "heartbeat_interval", {"minimum": 1, "maximum": 60}),
]


@pytest.mark.parametrize(("path", "name", "allowed"), BAD)
async def test_out_of_range_is_422_with_the_range(client: Client, path: str, name: str, allowed: object) -> None:
    status, answer = await client.value(path, b"x")
    assert status == 422
    assert answer["error"]["parameter"] == name
    assert answer["error"]["allowed"] == allowed
    assert name in answer["error"]["message"]
    # In a JSON body too.
    endpoint, _, query = path.partition("?")
    body = json.dumps({"input_data": "x", name: query.partition("=")[2]})
    status, answer = await client.value(endpoint, body, Content_Type="application/json")
    assert (status, answer["error"]["allowed"]) == (422, allowed)


@pytest.mark.parametrize(
    ("path", "data", "kind", "status"),
    [
        ("stream_process", b"", "text/plain", 422),
        ("stream_process", b"{", "application/json", 422),
        ("stream_process", b"[]", "application/json", 422),
        ("stream_process", b'{"seed": 1}', "application/json", 422),
        ("stream_process", b'{"input_data": ""}', "application/json", 422),
        ("stream_process", b'{"input_data": 5}', "application/json", 422),
        ("stream_process", b"x", "multipart/form-data; boundary=x", 415),
        ("stream_process?job=nonsense", b"x", "text/plain", 404),
        ("stream_process?last_event_id=1:2:3", b"x", "text/plain", 404),
        ("stream_process?job=6f1c1f0e-6d7a-4a55-9d3c-0d3d6f0a2b11", b"x", "text/plain", 404),
    ],
)
async def test_what_makes_no_sense_is_refused(client: Client, path: str, data: bytes, kind: str, status: int) -> None:
    found, answer = await client.value(path, data, Content_Type=kind)
    assert found == status
    assert len(answer["error"]["message"]) > 10


async def test_methods(client: Client) -> None:
    for endpoint, allow in (("stream_process", "POST"), ("stream_large_dataset", "GET, POST")):
        async with client.ask(endpoint, method="PUT") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, allow)
    status, answer = await client.value("stream_large_dataset", method="GET")
    assert (status, answer["error"]["parameter"]) == (422, "input_data")


async def test_nobody_without_a_key_and_no_other_user(live: LiveServer, http: aiohttp.ClientSession) -> None:
    ada, eve, nobody = Client(live, http), Client(live, http, live.users["eve"]["key"]), Client(live, http, "")
    assert (await nobody.value("stream_process", b"x"))[0] == 401
    assert (await Client(live, http, "wrong").value("stream_process", b"x"))[0] == 401
    events = await ada.events("stream_process", b"mine")
    job = events[0].data["job"]
    assert (await eve.value(f"stream_process?job={job}"))[0] == 404
    assert (await eve.value(f"jobs/{job}", method="GET"))[0] == 404
    assert (await eve.value(f"jobs/{job}", method="DELETE"))[0] == 404
    assert (await eve.value(f"jobs/{job}/input", b"x", "PATCH", Upload_Offset="0"))[0] == 404


async def test_a_browsers_session_counts_only_for_our_own_pages(live: LiveServer, http: aiohttp.ClientSession) -> None:
    cookie = {"Cookie": f"sessionid={live.users['ada']['session']}", "Content-Type": "text/plain"}
    url = f"{live.url}{BASE}/stream_process"
    for headers, status in (
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": live.url}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
    ):
        async with http.post(url, data=b"x", headers={**cookie, **headers}) as response:
            assert response.status == status, headers


async def test_jobs_are_on_the_record(client: Client, live: LiveServer) -> None:
    events = await client.events("stream_process", b"on the record")
    script = (
        "import json; from audit.models import Entry; from audit.selectors import events_of;"
        f"found = Entry.objects.filter(stream='{events[0].data['job']}').select_related('content').order_by('seq');"
        "print(json.dumps([[e.kind, e.actor, dict(e.meta)] for e in events_of(found)]))"
    )
    entries = json.loads(live.manage("shell", "--verbosity=0", "-c", script).strip().splitlines()[-1])
    assert [(kind, actor) for kind, actor, _ in entries] == [("control", "ada")] * 3
    metas = [meta for _, _, meta in entries]
    assert [meta["action"] for meta in metas] == ["dataset_started", "dataset_received", "dataset_done"]
    assert metas[0]["parameters"]["esn_size"] == 64
    assert metas[1]["size"] == len(b"on the record")
    assert metas[1]["sha256"] == events[-1].data["sha256"]
