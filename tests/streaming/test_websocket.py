"""The chat over real WebSockets, against a real server."""

import asyncio
import base64
import gc
import json
import os
import re
import signal
import sqlite3
import weakref
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from compression.codec.library import Library
from streaming.client import ChatClient
from streaming.connections import connections
from streaming.lines import LineClosed
from streaming.protocol import frames
from streaming.protocol.client import Ended, Failed, TextArrived
from streaming.protocol.codec import encode_raw, text_check
from streaming.protocol.codes import Action, CloseCode, FaultCode, Finish, Mode
from streaming.protocol.frames import SUBPROTOCOL
from streaming.transports.websocket import ChatConsumer
from tests.live import LiveServer
from tests.routing_ai.upstream import Upstream

SERVERS = ["uvicorn", "daphne"]

STREAM = bytes(range(16))


def fetcher(live: LiveServer) -> Callable[[str], Awaitable[Library | None]]:
    async def fetch(name: str) -> Library | None:
        status, headers, body = await asyncio.to_thread(live.get, f"/api/compression/libraries/{name}")
        assert status == 200
        assert "immutable" in headers["Cache-Control"]
        return Library.from_manifest(json.dumps(body).encode(), name)

    return fetch


async def line(live: LiveServer, protocol: str = SUBPROTOCOL, key: str = "", **options: object) -> ClientConnection:
    headers = {"Authorization": f"Bearer {key or live.key}"}
    return await connect(live.ws, subprotocols=[protocol], additional_headers=headers, **options)


@pytest.mark.parametrize("mode", list(Mode))
async def test_every_mode_gives_the_same_whole_answer(live: LiveServer, mode: Mode) -> None:
    async with ChatClient(live.ws, live.key, mode=mode) as client:
        events = [event async for event in client.ask("Speak", model="nano")]
    ended = events[-1]
    assert isinstance(ended, Ended)
    texts = [event.text for event in events if isinstance(event, TextArrived)]
    text = "".join(texts)
    assert len(text.split()) == 60
    assert ended.done.check == text_check(text)
    assert (ended.done.model, ended.done.tier, ended.done.completion_tokens) == ("mock-60-10", "nano", 60)
    assert {Mode.COMPLETE: len(texts) == 1, Mode.SENTENCE: 1 < len(texts) <= 8, Mode.TOKEN: len(texts) > 8}[mode]


async def test_templates_work_in_both_directions(live: LiveServer) -> None:
    words = "Hello! How can I help you today?"
    async with ChatClient(live.ws, live.key, mode=Mode.COMPLETE, fetch=fetcher(live)) as client:
        await client.settle()
        events = [event async for event in client.ask(words, model="fast")]
        (arrived,) = [event for event in events if isinstance(event, TextArrived)]
        assert arrived.text == words
        assert (arrived.method, arrived.payload_bytes) == (1, 2)
        assert arrived.reading.sent is not None
        assert arrived.reading.sent.payload == b"\x09\x00"


async def test_a_broken_line_resumes_and_loses_nothing(live: LiveServer) -> None:
    async with ChatClient(live.ws, live.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="nano")
        async for event in client.follow(reading):
            if isinstance(event, TextArrived) and len(reading.text.split()) > 10:
                break
        client.drop()
        await client.connect()
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 60
        assert events[-1].done.check == text_check(reading.text)


async def test_a_prompt_that_is_sent_twice_is_answered_once(live: LiveServer) -> None:
    stream = os.urandom(16)
    for _ in range(2):
        async with ChatClient(live.ws, live.key) as client:
            reading = client.session.ask("Say this", stream, model="fast")
            events = [event async for event in client.follow(reading)]
            assert isinstance(events[-1], Ended)
            assert reading.text == "Say this"
    with sqlite3.connect(live.folder / "aura.sqlite3") as database:
        count = database.execute(
            "SELECT count(*) FROM audit_entry WHERE kind = 'prompt' AND stream = ?", [stream.hex()]
        ).fetchone()
    database.close()
    assert count == (1,)


async def test_another_users_stream_is_unknown(live: LiveServer) -> None:
    stream = os.urandom(16)
    async with ChatClient(live.ws, live.key) as client:
        reading = client.session.ask("Mine", stream, model="fast")
        events = [event async for event in client.follow(reading)]
        conversation = reading.conversation
    assert isinstance(events[-1], Ended)
    async with ChatClient(live.ws, live.users["eve"]["key"]) as eve:
        events = [event async for event in eve.follow(eve.session.resume(stream))]
        assert isinstance(events[-1], Failed)
        assert events[-1].fault.code == FaultCode.UNKNOWN_STREAM
        events = [event async for event in eve.ask("Let me in", conversation)]
        assert isinstance(events[-1], Failed)
        assert events[-1].fault.code == FaultCode.NOT_ALLOWED
    status, _, body = await asyncio.to_thread(live.get, f"/api/v1/conversations/{UUID(bytes=conversation)}")
    assert status == 200
    assert [turn["text"] for turn in body["turns"]] == ["Mine", "Mine"]
    status, *_ = await asyncio.to_thread(
        live.get, f"/api/v1/conversations/{UUID(bytes=conversation)}", live.users["eve"]["key"]
    )
    assert status == 404


async def test_cancel_ends_the_answer_and_says_so(live: LiveServer) -> None:
    async with ChatClient(live.ws, live.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        ended = None
        async for event in client.follow(reading):
            if isinstance(event, TextArrived):
                client.session.control(Action.CANCEL, reading.channel)
                await client.flush()
            ended = event
        assert isinstance(ended, Ended)
        assert ended.done.finish == Finish.CANCELLED
        assert 0 < len(reading.text.split()) < 400
        assert ended.done.check == text_check(reading.text)


async def test_a_client_that_leaves_ends_its_stream_and_one_whose_line_breaks_does_not(live: LiveServer) -> None:
    async def open_streams() -> int:
        _, _, body = await asyncio.to_thread(live.get, "/api/streaming/stats")
        return int(body["streams"]["open"])

    async def begin(client: ChatClient) -> None:
        async for event in client.ask("Speak", model="smart"):
            if isinstance(event, TextArrived):
                return

    async with asyncio.timeout(20):
        while await open_streams():
            await asyncio.sleep(0.05)
        async with ChatClient(live.ws, live.key, mode=Mode.TOKEN) as client:
            await begin(client)
            assert await open_streams() == 1
        while await open_streams():
            await asyncio.sleep(0.05)
        broken = ChatClient(live.ws, live.key, mode=Mode.TOKEN)
        await broken.connect()
        await begin(broken)
        broken.drop()
        await asyncio.sleep(0.3)
        assert await open_streams() == 1
        await broken.connect()
        await broken.close()
        while await open_streams():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", CloseCode.BAD_FRAME),
        (b"\xc1", CloseCode.BAD_FRAME),
        ("text", CloseCode.BAD_FRAME),
        (frames.encode(frames.Ping()), CloseCode.BAD_FRAME),
        (frames.encode(frames.Hello(version=(9,))), CloseCode.UNSUPPORTED_VERSION),
        (bytes(300_000), CloseCode.FRAME_TOO_LARGE),
    ],
    ids=["empty", "type", "text", "before hello", "version", "large"],
)
async def test_bad_frames_end_the_session_with_a_code(live: LiveServer, sent: bytes | str, code: CloseCode) -> None:
    async with await line(live) as socket:
        await socket.send(sent)
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                await asyncio.wait_for(socket.recv(), 10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (frames.Prompt(1, STREAM, payload=b"\x00hi", check=1), FaultCode.CORRUPT),
        (frames.Prompt(1, STREAM, payload=b"\x02hi", check=1), FaultCode.CORRUPT),
        (frames.Prompt(1, STREAM, payload=b"\x31\x00", check=1), FaultCode.UNKNOWN_LIBRARY),
        (frames.Prompt(1, STREAM, payload=b"\x00  ", check=text_check("  ")), FaultCode.EMPTY_PROMPT),
        (frames.Prompt(1, STREAM), FaultCode.EMPTY_PROMPT),
        (frames.Prompt(1, payload=b"\x00hi", check=text_check("hi")), FaultCode.MALFORMED),
        (frames.Prompt(1, STREAM, payload=b"\x00hi", check=text_check("hi"), model="huge"), FaultCode.NO_MODEL),
        (frames.Resume(1, STREAM, 7, 3), FaultCode.UNKNOWN_STREAM),
    ],
)
async def test_a_bad_request_is_explained_and_the_session_goes_on(
    live: LiveServer, prompt: frames.Frame, code: FaultCode
) -> None:
    if isinstance(prompt, frames.Prompt) and prompt.stream:
        prompt = frames.Prompt(1, os.urandom(16), b"", prompt.payload, prompt.check, prompt.model)
    async with await line(live) as socket:
        await socket.send(frames.encode(frames.Hello(version=(1,))))
        await socket.send(frames.encode(prompt))
        fault = await _next(socket, frames.Fault)
        assert isinstance(fault, frames.Fault)
        assert FaultCode(fault.code) == code
        assert fault.message
        question = frames.Prompt(
            2, os.urandom(16), b"", encode_raw("Still there?").data, text_check("Still there?"), "fast"
        )
        await socket.send(frames.encode(question))
        assert isinstance(await _next(socket, frames.Done), frames.Done)


async def _next(socket: ClientConnection, kind: type) -> frames.Frame:
    while True:
        frame = frames.decode(await asyncio.wait_for(socket.recv(decode=False), 10))
        if isinstance(frame, kind):
            return frame


@pytest.mark.parametrize(
    ("headers", "origin", "code"),
    [
        ({}, None, CloseCode.UNAUTHENTICATED),
        ({"Authorization": "Bearer aura_wrong"}, None, CloseCode.UNAUTHENTICATED),
        ({}, "https://evil.example", CloseCode.FORBIDDEN_ORIGIN),
    ],
)
async def test_a_refused_connection_says_why(
    live: LiveServer, headers: dict[str, str], origin: str | None, code: CloseCode
) -> None:
    async with connect(live.ws, subprotocols=[SUBPROTOCOL], additional_headers=headers, origin=origin) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), 10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
        assert caught.value.rcvd.reason


async def test_a_path_that_leads_nowhere_is_refused_in_peace(live: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(live.ws.replace("ws/chat", "ws/nowhere"))
    assert refused.value.response.status_code == 403
    assert "No route found" not in live.log()


async def test_an_unknown_subprotocol_is_refused(live: LiveServer) -> None:
    # By hand: the library ends a handshake that selects none of its subprotocols before it reads the close code.
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(
        b"GET /ws/chat/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: aura.v9\r\n\r\n"
    )
    async with asyncio.timeout(10):
        await reader.readuntil(b"\r\n\r\n")
        close = await reader.readexactly(4)
    writer.close()
    assert int.from_bytes(close[2:4], "big") == CloseCode.UNSUPPORTED_VERSION


async def test_the_json_form_needs_no_library_at_all(live: LiveServer) -> None:
    async with connect(live.ws, additional_headers={"Authorization": f"Bearer {live.key}"}) as socket:
        await socket.send('{"type": "prompt", "text": "Say مرحبا twice", "model": "fast"}')
        got = []
        while not got or got[-1]["type"] != "done":
            got.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
        assert [item["type"] for item in got[:2]] == ["welcome", "open"]
        assert "".join(item["text"] for item in got if item["type"] == "chunk") == "Say مرحبا twice"
        await socket.send("nonsense")
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), 10)
        assert caught.value.rcvd is not None
        assert "not JSON" in caught.value.rcvd.reason


async def test_who_resumes_right_behind_the_end_is_told_that_it_was_the_end(live: LiveServer) -> None:
    async with connect(live.ws, additional_headers={"Authorization": f"Bearer {live.key}"}) as socket:

        async def until_the_end(**frame: Any) -> list[dict[str, Any]]:
            await socket.send(json.dumps(frame))
            got: list[dict[str, Any]] = []
            while not got or got[-1]["type"] not in ("done", "fault"):
                got.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
            return got

        _, opening, *_, end = await until_the_end(type="prompt", text="Say this", model="fast")
        place = {"type": "resume", "stream": opening["stream"], "epoch": opening["epoch"]}
        # More often than a session has channels: none of them stays open.
        for _ in range(70):
            opened, again = await until_the_end(**place, offset=end["offset"] + 1)
            assert (opened["type"], opened["offset"]) == ("open", end["offset"])
            assert {**again, "channel": 0} == {**end, "channel": 0}
        (refused,) = await until_the_end(**place, offset=end["offset"] + 2)
        assert refused["code"] == "resume_impossible"


async def test_the_json_form_asks_in_the_place_of_another_question(live: LiveServer) -> None:
    async with connect(live.ws, additional_headers={"Authorization": f"Bearer {live.key}"}) as socket:

        async def ask(**more: str) -> dict[str, str | int]:
            await socket.send(json.dumps({"type": "prompt", "model": "fast", **more}))
            got: dict[str, str | int] = {}
            while got.get("type") not in ("done", "fault"):
                got |= json.loads(await asyncio.wait_for(socket.recv(), 10))
            return got

        first = await ask(text="one")
        place = str(first["conversation"])
        await ask(text="two words", conversation=place)
        other = await ask(text="now three words", conversation=place, after=str(first["stream"]))
        assert other["prompt_tokens"] == 1 + 1 + 3
        anew = await ask(text="anew", conversation=place, after="0" * 32)
        assert anew["prompt_tokens"] == 1
        refused = await ask(text="lost", conversation=place, after="05" * 16)
        assert refused["code"] == "unknown_stream"


@pytest.mark.environment(STREAMING_SESSIONS_PER_USER="2")
async def test_connections_of_a_user_are_limited(own_server: LiveServer) -> None:
    sockets = [await line(own_server) for _ in range(3)]
    codes = []
    for socket in sockets:
        try:
            await socket.send(frames.encode(frames.Hello(version=(1,))))
            await _next(socket, frames.Welcome)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            codes.append(closed.rcvd.code)
    # Which of them came last is the server's to say.
    assert codes == [CloseCode.TOO_MANY_SESSIONS]
    for socket in sockets:
        await socket.close()


@pytest.mark.environment(STREAMING_HEARTBEAT_INTERVAL="0.3")
async def test_a_silent_client_is_pinged_and_then_let_go(own_server: LiveServer) -> None:
    async with await line(own_server) as socket:
        await socket.send(frames.encode(frames.Hello(version=(1,))))
        pings = 0
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                pings += isinstance(frames.decode(await asyncio.wait_for(socket.recv(decode=False), 10)), frames.Ping)
        assert pings == 2
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == CloseCode.STALE


async def test_kill_9_in_mid_answer_leaves_every_token_that_was_seen_on_the_record(own_server: LiveServer) -> None:
    async with ChatClient(own_server.ws, own_server.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        async for _ in client.follow(reading):
            if len(reading.text.split()) > 100:
                break
        await asyncio.to_thread(own_server.stop, signal.SIGKILL)
        with pytest.raises(LineClosed):
            while True:
                await client.step()
        seen = reading.text
        await asyncio.to_thread(own_server.start)
        path = f"/api/v1/conversations/{UUID(bytes=reading.conversation)}"
        _, _, body = await asyncio.to_thread(own_server.get, path)
        answer = body["turns"][1]
        assert answer["state"] == "open"
        assert answer["text"].startswith(seen)
        assert len(seen.split()) > 100
        # The same client comes back: it gets what it lacks, exactly, and the answer is gone on with.
        await client.connect()
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert reading.text.startswith(answer["text"])
        assert len(reading.text.split()) == 400
        _, _, body = await asyncio.to_thread(own_server.get, path)
        assert body["turns"][1]["text"] == reading.text
    assert "are good" in await asyncio.to_thread(own_server.manage, "verify_audit")


async def test_a_server_that_is_asked_to_stop_ends_its_answers_and_sends_its_clients_on(own_server: LiveServer) -> None:
    idle = await line(own_server)
    await idle.send(frames.encode(frames.Hello(version=(1,))))
    await _next(idle, frames.Welcome)
    async with ChatClient(own_server.ws, own_server.key, mode=Mode.TOKEN) as busy:
        reading = busy.session.ask("Speak", os.urandom(16), model="nano")
        stopping = None
        async for event in busy.follow(reading):
            if isinstance(event, TextArrived) and stopping is None:
                stopping = asyncio.create_task(asyncio.to_thread(own_server.stop))
        assert isinstance(event, Ended)
        assert len(reading.text.split()) == 60
        control = await _next(idle, frames.Control)
        assert isinstance(control, frames.Control)
        assert control.action == Action.DRAIN
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                await asyncio.wait_for(idle.recv(), 20)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == CloseCode.DRAINING
        assert stopping is not None
        await stopping


@pytest.mark.environment(SMART_MODEL="mock:mock-400-20")
async def test_an_answer_that_outlasts_the_drain_is_gone_on_with_after_it(own_server: LiveServer) -> None:
    async with ChatClient(own_server.ws, own_server.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        async for event in client.follow(reading):
            if isinstance(event, TextArrived):
                break
        await asyncio.to_thread(own_server.stop)
        with pytest.raises(LineClosed) as caught:
            while True:
                await client.step()
        assert caught.value.code == CloseCode.DRAINING
        await asyncio.to_thread(own_server.start)
        await client.connect()
        events = [event async for event in client.follow(reading)]
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 400


async def test_a_picture_reaches_the_model_and_the_record_keeps_its_hash(own_server: LiveServer) -> None:
    own_server.stop()
    upstream = Upstream()
    await upstream.start()
    models = {"FAST_MODEL": "openai:fine@0/0", "OPENAI_BASE_URL": upstream.url, "AURA_PICTURES_FOR": "fine"}
    own_server.environment |= models
    await asyncio.to_thread(own_server.start)
    picture = b"\x89PNG\r\n\x1a\n" + os.urandom(50_000)
    async with ChatClient(own_server.ws, own_server.key) as client:

        async def asked(text: str, model: str, *pictures: bytes) -> Ended | Failed:
            reading = client.session.ask(text, os.urandom(16), bytes(15) + b"1", model, pictures=pictures)
            events = [event async for event in client.follow(reading)]
            assert isinstance(events[-1], Ended | Failed)
            return events[-1]

        assert isinstance(await asked("What is this?", "fast", picture), Ended)
        words, seen = upstream.requests[-1]["body"]["messages"][-1]["content"]
        assert words == {"type": "text", "text": "What is this?"}
        assert seen["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        for model, given, code in (
            ("nano", [picture], FaultCode.NO_MODEL),
            ("fast", [picture] * 5, FaultCode.TOO_LARGE),
            ("fast", [b"\x89PNG\r\n\x1a\n" + bytes(262_144)], FaultCode.TOO_LARGE),
            ("fast", [b"<svg/>"], FaultCode.MALFORMED),
        ):
            failed = await asked("And this?", model, *given)
            assert isinstance(failed, Failed)
            assert failed.fault.code == code
        # What follows does not have it any more.
        assert isinstance(await asked("And now?", "fast"), Ended)
        told = upstream.requests[-1]["body"]["messages"][0]["content"]
    await upstream.stop()
    assert re.fullmatch(r"What is this\?\n\[image/png, 66\d{3} characters, SHA-256 [0-9a-f]{64}\]", told)
    _, _, body = await asyncio.to_thread(own_server.get, f"/api/v1/conversations/{UUID(bytes=bytes(15) + b'1')}")
    assert body["turns"][0]["text"] == told


async def test_an_answer_that_no_model_can_go_on_with_ends_with_a_fault_at_the_drain(own_server: LiveServer) -> None:
    own_server.stop()
    upstream = Upstream()
    await upstream.start()
    own_server.environment |= {"SMART_MODEL": "openai:endless@0/0", "OPENAI_BASE_URL": upstream.url}
    await asyncio.to_thread(own_server.start)
    async with ChatClient(own_server.ws, own_server.key, mode=Mode.TOKEN) as client:
        reading = client.session.ask("Speak", os.urandom(16), model="smart")
        async for event in client.follow(reading):
            if isinstance(event, TextArrived):
                break
        await asyncio.to_thread(own_server.stop)
    await asyncio.to_thread(own_server.start)
    await upstream.stop()
    path = f"/api/v1/conversations/{UUID(bytes=reading.conversation)}"
    _, _, body = await asyncio.to_thread(own_server.get, path)
    assert body["turns"][1]["state"] == "fault"
    assert body["turns"][1]["text"].startswith(reading.text)


@pytest.mark.django_db(transaction=True)
async def test_a_session_that_ended_is_freed_without_a_search_for_cycles() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    consumer = ChatConsumer()
    scope = {"type": "websocket", "subprotocols": [frames.SUBPROTOCOL], "headers": [], "user": user}
    running = asyncio.create_task(consumer(scope, received.get, sent.put))
    received.put_nowait({"type": "websocket.connect"})
    assert (await sent.get())["type"] == "websocket.accept"
    for frame in (
        frames.Hello(version=(frames.VERSION,), mode=Mode.TOKEN),
        frames.Ping(b"there?"),
        frames.Control(0, 0),
    ):
        received.put_nowait({"type": "websocket.receive", "bytes": frames.encode(frame)})
    came = {frames.decode((await sent.get())["bytes"]).type.name for _ in range(4)}
    assert came == {"WELCOME", "LIBRARY", "PONG", "FAULT"}
    held = [weakref.ref(one) for one in (consumer, consumer.session, consumer.session.protocol)]
    del consumer
    gc.collect()
    gc.disable()
    try:
        received.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await running
        del running, received
        async with asyncio.timeout(10):
            while any(one() is not None for one in held):
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


@pytest.mark.django_db(transaction=True)
async def test_a_connection_whose_close_cannot_be_said_is_counted_out() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            raise OSError("the line is gone")

    scope = {"type": "websocket", "subprotocols": [frames.SUBPROTOCOL], "headers": [], "user": user}
    received.put_nowait({"type": "websocket.connect"})
    received.put_nowait({"type": "websocket.receive", "bytes": b"no frame"})
    with pytest.raises(OSError, match="the line is gone"):
        await ChatConsumer()(scope, received.get, send)
    assert len(connections) == 0
    assert not connections._per_user
