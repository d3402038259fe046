"""Sessions of the protocol over gRPC calls, with a real client and a real server."""

import asyncio
import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from streaming.protocol import frames
from streaming.protocol.client import Ended, Failed, TextArrived
from streaming.protocol.codec import text_check
from streaming.protocol.codes import Action, CloseCode, FaultCode, Finish, Mode
from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc
from tests.live import LiveServer, free_port
from tests.streaming.grpc_line import NARROW, GrpcLine, signed, target

Code = grpc.StatusCode


def started(folder: Path, **settings: str) -> LiveServer:
    """A web server that speaks gRPC too."""
    server = LiveServer(folder, AURA_GRPC_PORT=str(free_port()), **settings)
    server.start()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    made = started(tmp_path_factory.mktemp("grpc"))
    yield made
    made.stop()


async def ended(line: GrpcLine) -> grpc.aio.AioRpcError:
    """Read up to the end of a call that ends with an error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while True:
            await line.receive()
    return caught.value


def close_code(error: grpc.aio.AioRpcError) -> int:
    return int(dict(error.trailing_metadata())["aura-close-code"])


async def test_on_daphne_a_session_works_and_is_drained(tmp_path: Path) -> None:
    own = LiveServer(tmp_path, server="daphne", AURA_GRPC_PORT=str(free_port()))
    own.start()
    async with GrpcLine(own) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        await line.follow(reading)
        assert len(reading.text.split()) == 60
        stopping = asyncio.create_task(asyncio.to_thread(own.stop))
        assert close_code(await ended(line)) == CloseCode.DRAINING
        await stopping


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_session_answers_in_every_mode(server: LiveServer, mode: Mode) -> None:
    async with GrpcLine(server, mode=mode) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 60
        texts = [event for event in events if isinstance(event, TextArrived)]
        assert {Mode.COMPLETE: len(texts) == 1, Mode.SENTENCE: 1 < len(texts) <= 8, Mode.TOKEN: len(texts) > 8}[mode]
        _, _, body = await asyncio.to_thread(server.get, "/api/streaming/sessions")
        assert [session["transport"] for session in body["sessions"]] == ["grpc"]


async def test_many_answers_over_one_call(server: LiveServer) -> None:
    async with GrpcLine(server) as line:
        readings = [line.session.ask("Speak", os.urandom(16), model="nano") for _ in range(5)]
        await line.flush()
        while not all(reading.ended for reading in readings):
            await line.receive()
        assert {len(reading.text.split()) for reading in readings} == {60}


async def test_a_broken_call_resumes_and_loses_nothing(server: LiveServer) -> None:
    async with GrpcLine(server) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        await line.flush()
        while len(reading.text.split()) < 10:
            await line.receive()
        line.call.cancel()
        line.connect()
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert events[-1].done.check == text_check(reading.text)
        assert len(reading.text.split()) == 60
    assert "Traceback" not in server.log()


async def test_a_goodbye_cancels_what_is_being_written(server: LiveServer) -> None:
    async with GrpcLine(server) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="smart")
        await line.flush()
        while not reading.text:
            await line.receive()
        await line.call.write(aura_pb2.Frame(goodbye=True))
        with pytest.raises(EOFError):
            while True:
                await line.receive()
        assert await line.call.code() == Code.OK
    async with GrpcLine(server) as line:
        again = line.session.resume(reading.stream, 1, 0)
        events = await line.follow(again)
        assert isinstance(events[-1], Ended)
        assert events[-1].done.finish == Finish.CANCELLED


async def test_who_ends_his_half_without_a_goodbye_may_come_back(server: LiveServer) -> None:
    async with GrpcLine(server) as line:
        reading = line.session.ask("Speak", os.urandom(16), model="nano")
        await line.flush()
        while not reading.text:
            await line.receive()
        await line.call.done_writing()
        with pytest.raises(EOFError):
            while True:
                await line.receive()
        assert await line.call.code() == Code.OK
        line.connect()
        events = await line.follow(reading)
        assert isinstance(events[-1], Ended)
        assert len(reading.text.split()) == 60


async def test_who_breaks_off_without_a_goodbye_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_RESUME_GRACE="0.5", SMART_MODEL="mock:mock-1000-20")
    try:
        async with grpc.aio.insecure_channel(target(own)) as channel:
            stub = aura_pb2_grpc.AuraStub(channel)
            call = stub.Chat(aura_pb2.ChatRequest(text="Speak", model="smart"), metadata=signed(own.key))
            opening = (await call.read()).open
            await call.read()
            call.cancel()
            place = aura_pb2.ResumeRequest(stream=opening.stream)
            while (await stub.GetStats(aura_pb2.GetStatsRequest(), metadata=signed(own.key))).streams_open:
                await asyncio.sleep(0.05)
            *_, last = [event async for event in stub.Resume(place, metadata=signed(own.key))]
            assert last.done.finish == aura_pb2.FINISH_CANCELLED
    finally:
        own.stop()


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", Code.INVALID_ARGUMENT, CloseCode.BAD_FRAME),
        (b"\xff\xff\xff", Code.INVALID_ARGUMENT, CloseCode.BAD_FRAME),
        (frames.encode(frames.Ping()), Code.INVALID_ARGUMENT, CloseCode.BAD_FRAME),
        (frames.encode(frames.Hello(version=(9,))), Code.FAILED_PRECONDITION, CloseCode.UNSUPPORTED_VERSION),
    ],
    ids=["empty", "noise", "early", "version"],
)
async def test_what_is_no_frame_ends_the_session(server: LiveServer, raw: bytes, status: Any, code: CloseCode) -> None:
    async with GrpcLine(server) as line:
        line.session.to_send.clear()
        await line.send(raw)
        error = await ended(line)
        assert (error.code(), close_code(error)) == (status, code)
        assert error.details()


async def test_a_request_that_cannot_be_is_a_fault_and_the_session_goes_on(server: LiveServer) -> None:
    async with GrpcLine(server) as line:
        events = await line.follow(line.session.resume(os.urandom(16)))
        assert isinstance(events[-1], Failed)
        assert events[-1].fault.code == FaultCode.UNKNOWN_STREAM
        reading = line.session.ask("Still here", os.urandom(16), model="fast")
        await line.follow(reading)
        assert reading.text == "Still here"


async def test_sessions_of_a_user_are_limited(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_SESSIONS_PER_USER="1")
    try:
        async with GrpcLine(own) as first:
            await first.flush()
            await first.receive()
            second = GrpcLine(own)
            second.connect()
            error = await ended(second)
            await second.channel.close()
            assert (error.code(), close_code(error)) == (Code.RESOURCE_EXHAUSTED, CloseCode.TOO_MANY_SESSIONS)
    finally:
        own.stop()


async def test_a_silent_client_is_pinged_and_then_let_go(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_HEARTBEAT_INTERVAL="0.3")
    try:
        async with GrpcLine(own) as line:
            await line.flush()
            pings = 0
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                while True:
                    message = await line.call.read()
                    pings += isinstance(frames.decode(message.data), frames.Ping)
            assert pings == 2
            assert (caught.value.code(), close_code(caught.value)) == (Code.UNAVAILABLE, CloseCode.STALE)
    finally:
        own.stop()


async def settled(stub: Any, key: str) -> int:
    """Return the bytes of frames that the server has got rid of, once they grow no more."""
    before, same = -1, 0
    while same < 5:
        stats = await stub.GetStats(aura_pb2.GetStatsRequest(), metadata=signed(key))
        same = same + 1 if stats.frame_bytes == before else 0
        before = stats.frame_bytes
        await asyncio.sleep(0.2)
    return before


async def test_a_client_that_does_not_read_holds_the_server_back_and_still_gets_all(server: LiveServer) -> None:
    text = " ".join(base64.b64encode(os.urandom(180)).decode() for _ in range(1000))
    async with GrpcLine(server) as line:
        stream = line.session.ask(text, os.urandom(16), model="fast").stream
        await line.follow(line.session.readings[1])
    async with GrpcLine(server, credit=16 * 1024 * 1024, mode=Mode.COMPLETE) as line:
        await line.flush()
        await line.receive()
        async with grpc.aio.insecure_channel(target(server)) as channel:
            stub = aura_pb2_grpc.AuraStub(channel)
            begun = await settled(stub, server.key)
            readings = [line.session.resume(stream, 1, 0) for _ in range(40)]
            await line.flush()
            taken = await settled(stub, server.key) - begun
        # Of 9 MB that the client asked for and has credit for, what the line itself holds.
        assert 0 < taken < 1_000_000
        while not all(reading.ended for reading in readings):
            await line.receive()
        assert {reading.text for reading in readings} == {text}


async def test_a_slow_reader_of_one_answer_holds_back_the_model(tmp_path: Path) -> None:
    own = started(tmp_path, STREAMING_MESSAGE_LIMIT="4000000")
    text = " ".join(base64.b64encode(os.urandom(2_700)).decode() for _ in range(1000))
    try:
        options = [*NARROW, ("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(target(own), options=options) as channel:
            stub = aura_pb2_grpc.AuraStub(channel)
            call = stub.Chat(aura_pb2.ChatRequest(text=text, model="fast"), metadata=signed(own.key))
            opening = (await call.read()).open
            path = f"/api/v1/conversations/{opening.conversation}"
            sizes = [-2, -1]
            while sizes[-1] != sizes[-2]:
                await asyncio.sleep(1)
                _, _, body = await asyncio.to_thread(own.get, path)
                sizes.append(len(body["turns"][1]["text"]) if len(body["turns"]) > 1 else 0)
            assert 0 < sizes[-1] < 1_000_000
            got = ""
            while (event := await call.read()) is not grpc.aio.EOF:
                got += event.chunk.text
            assert got == text
    finally:
        own.stop()


async def test_drain_asks_a_session_to_go_on_elsewhere(tmp_path: Path) -> None:
    own = started(tmp_path)
    async with GrpcLine(own) as line:
        await line.flush()
        await line.receive()
        stopping = asyncio.create_task(asyncio.to_thread(own.stop))
        drained = False
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while True:
                frame = frames.decode((await line.call.read()).data)
                drained = drained or (isinstance(frame, frames.Control) and frame.action == Action.DRAIN)
        assert drained
        assert (caught.value.code(), close_code(caught.value)) == (Code.UNAVAILABLE, CloseCode.DRAINING)
        await stopping
