"""The gRPC service with a real client, against real server processes."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from streaming.protocol.codes import CloseCode, FaultCode, Finish, Priority
from streaming.transports.grpc import generate
from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc
from streaming.transports.grpc.status import CLOSED, STATUS
from tests.live import LiveServer, free_port
from tests.streaming.grpc_line import signed, target

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path_factory.mktemp("grpc"), AURA_GRPC_PORT=str(free_port()))
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def stub(server: LiveServer) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(target(server)) as channel:
        yield aura_pb2_grpc.AuraStub(channel)


async def events_of(call: Any) -> list[Any]:
    """Return what is left of a call's events."""
    events = []
    while (event := await call.read()) is not grpc.aio.EOF:
        events.append(event)
    return events


def text_of(events: list[Any]) -> str:
    return "".join(event.chunk.text for event in events)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (events_of(call) if hasattr(call, "read") else call)
    return caught.value


def details(error: grpc.aio.AioRpcError) -> tuple[str, int]:
    """Return the reason and the wait in milliseconds of the rich status."""
    status = rpc_status.from_call(error)
    assert status is not None
    assert status.message == error.details()
    reason, wait = "", 0
    for detail in status.details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        if detail.Unpack(retry):
            wait = retry.retry_delay.ToMilliseconds()
    return reason, wait


async def test_an_answer_comes_as_typed_events(server: LiveServer, stub: Any) -> None:
    request = aura_pb2.ChatRequest(text="Speak", model="nano")
    events = await events_of(stub.Chat(request, metadata=signed(server.key)))
    assert [events[0].WhichOneof("event"), events[-1].WhichOneof("event")] == ["open", "done"]
    opening, done = events[0].open, events[-1].done
    chunks = [event.chunk for event in events[1:-1]]
    assert [chunk.offset for chunk in chunks] == list(range(len(chunks)))
    assert {chunk.epoch for chunk in chunks} == {opening.epoch} == {1}
    text = text_of(events)
    assert len(text.split()) == 60
    assert done.check == zlib.crc32(text.encode())
    assert (done.offset, done.finish, done.model, done.tier) == (
        len(chunks),
        aura_pb2.FINISH_STOP,
        "mock-60-10",
        "nano",
    )
    assert done.completion_tokens == 60
    _, _, body = await asyncio.to_thread(server.get, f"/api/v1/conversations/{opening.conversation}")
    assert [turn["text"] for turn in body["turns"]] == ["Speak", text]


async def test_a_call_that_broke_off_is_resumed_without_a_gap(server: LiveServer, stub: Any) -> None:
    call = stub.Chat(aura_pb2.ChatRequest(text="Speak", model="nano"), metadata=signed(server.key))
    seen = []
    while len(text_of(seen).split()) <= 10:
        seen.append(await call.read())
    call.cancel()
    last = seen[-1].chunk
    place = aura_pb2.ResumeRequest(stream=seen[0].open.stream, epoch=last.epoch, offset=last.offset + 1)
    rest = await events_of(stub.Resume(place, metadata=signed(server.key)))
    assert rest[0].open.offset == last.offset + 1
    assert rest[-1].done.check == zlib.crc32(text_of(seen + rest).encode())
    assert len(text_of(seen + rest).split()) == 60
    # And once more, from the record, where nothing is written any more.
    again = await events_of(stub.Resume(place, metadata=signed(server.key)))
    assert [event for event in again if event.HasField("chunk")] == [event for event in rest if event.HasField("chunk")]
    assert again[-1] == rest[-1]
    # Who has the end, too, is told that this was all.
    place.offset = rest[-1].done.offset + 1
    behind = await events_of(stub.Resume(place, metadata=signed(server.key)))
    assert behind[0].open.offset == rest[-1].done.offset
    assert behind[1:] == [rest[-1]]


async def test_what_cannot_be_resumed_is_said(server: LiveServer, stub: Any) -> None:
    metadata = signed(server.key)
    events = await events_of(stub.Chat(aura_pb2.ChatRequest(text="Short", model="fast"), metadata=metadata))
    name = events[0].open.stream
    for place, code, reason in [
        (aura_pb2.ResumeRequest(stream=name, epoch=2), Code.FAILED_PRECONDITION, "RESUME_IMPOSSIBLE"),
        (aura_pb2.ResumeRequest(stream=name, epoch=1, offset=99), Code.FAILED_PRECONDITION, "RESUME_IMPOSSIBLE"),
        (aura_pb2.ResumeRequest(stream=name, offset=1), Code.INVALID_ARGUMENT, "MALFORMED"),
        (aura_pb2.ResumeRequest(stream=str(uuid4()), epoch=1), Code.NOT_FOUND, "UNKNOWN_STREAM"),
        (aura_pb2.ResumeRequest(stream="x"), Code.INVALID_ARGUMENT, "MALFORMED"),
    ]:
        error = await refused(stub.Resume(place, metadata=metadata))
        assert (error.code(), details(error)[0]) == (code, reason)
    eve = signed(server.users["eve"]["key"])
    assert (await refused(stub.Resume(aura_pb2.ResumeRequest(stream=name), metadata=eve))).code() == Code.NOT_FOUND
    assert (await refused(stub.Cancel(aura_pb2.CancelRequest(stream=name), metadata=eve))).code() == Code.NOT_FOUND


async def test_cancel_ends_an_answer_for_who_reads_it(server: LiveServer, stub: Any) -> None:
    call = stub.Chat(aura_pb2.ChatRequest(text="Speak", model="smart"), metadata=signed(server.key))
    events = [await call.read(), await call.read()]
    place = aura_pb2.CancelRequest(stream=events[0].open.stream)
    assert (await stub.Cancel(place, metadata=signed(server.key))).cancelled
    events += await events_of(call)
    assert events[-1].done.finish == aura_pb2.FINISH_CANCELLED
    assert len(text_of(events).split()) < 400
    assert await call.code() == Code.OK
    assert not (await stub.Cancel(place, metadata=signed(server.key))).cancelled


async def test_the_same_key_gives_the_same_answer_and_asks_once(server: LiveServer, stub: Any) -> None:
    request = aura_pb2.ChatRequest(text="Once only", model="fast", idempotency_key="key 1")
    first = await events_of(stub.Chat(request, metadata=signed(server.key)))
    second = await events_of(stub.Chat(request, metadata=signed(server.key)))
    assert first == second
    _, _, body = await asyncio.to_thread(server.get, f"/api/v1/conversations/{first[0].open.conversation}")
    assert len(body["turns"]) == 2


async def test_without_a_key_that_counts_nothing_is_answered(server: LiveServer, stub: Any) -> None:
    for metadata in ((), signed("aura_no"), (("authorization", server.key),), signed("")):
        calls = [
            stub.Chat(aura_pb2.ChatRequest(text="hi"), metadata=metadata),
            stub.Resume(aura_pb2.ResumeRequest(stream=str(uuid4())), metadata=metadata),
            stub.Cancel(aura_pb2.CancelRequest(stream=str(uuid4())), metadata=metadata),
            stub.GetStats(aura_pb2.GetStatsRequest(), metadata=metadata),
            stub.Session(metadata=metadata),
        ]
        for call in calls:
            error = await refused(call)
            assert error.code() == Code.UNAUTHENTICATED
            assert "API key" in str(error.details())


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (aura_pb2.ChatRequest(), Code.INVALID_ARGUMENT, "EMPTY_PROMPT"),
        (aura_pb2.ChatRequest(text=" "), Code.INVALID_ARGUMENT, "EMPTY_PROMPT"),
        (aura_pb2.ChatRequest(text="hi", conversation="x"), Code.INVALID_ARGUMENT, "MALFORMED"),
        (aura_pb2.ChatRequest(text="x" * 262_145), Code.INVALID_ARGUMENT, "TOO_LARGE"),
        (aura_pb2.ChatRequest(text="hi", idempotency_key="k" * 256), Code.INVALID_ARGUMENT, "TOO_LARGE"),
        (aura_pb2.ChatRequest(text="hi", priority=9), Code.INVALID_ARGUMENT, "MALFORMED"),
        (aura_pb2.ChatRequest(text="hi", model="huge"), Code.FAILED_PRECONDITION, "NO_MODEL"),
    ],
    ids=["nothing", "blank", "conversation", "long", "key", "priority", "tier"],
)
async def test_bad_requests_are_explained(server: LiveServer, stub: Any, request_: Any, code: Any, reason: str) -> None:
    error = await refused(stub.Chat(request_, metadata=signed(server.key)))
    assert (error.code(), details(error)[0]) == (code, reason)
    assert error.details()


async def test_a_message_over_the_limit_of_the_line_is_refused(server: LiveServer, stub: Any) -> None:
    error = await refused(stub.Chat(aura_pb2.ChatRequest(text="x" * 400_000), metadata=signed(server.key)))
    assert error.code() == Code.RESOURCE_EXHAUSTED


async def test_a_fault_is_an_event_and_the_status(server: LiveServer, stub: Any) -> None:
    call = stub.Chat(aura_pb2.ChatRequest(text="hi", model="huge"), metadata=signed(server.key))
    opening, fault = await call.read(), await call.read()
    assert opening.open.conversation
    assert (fault.fault.code, fault.fault.offset, fault.fault.retry) == (aura_pb2.FAULT_NO_MODEL, 0, False)
    error = await refused(call)
    assert error.details() == fault.fault.message


async def test_another_users_conversation_is_closed(server: LiveServer, stub: Any) -> None:
    events = await events_of(stub.Chat(aura_pb2.ChatRequest(text="Mine", model="fast"), metadata=signed(server.key)))
    request = aura_pb2.ChatRequest(text="Let me in", conversation=events[0].open.conversation)
    error = await refused(stub.Chat(request, metadata=signed(server.users["eve"]["key"])))
    assert (error.code(), details(error)[0]) == (Code.PERMISSION_DENIED, "NOT_ALLOWED")


async def test_too_many_answers_at_once_are_refused_with_a_wait(server: LiveServer, stub: Any) -> None:
    metadata = signed(server.users["eve"]["key"])
    calls = [stub.Chat(aura_pb2.ChatRequest(text="Speak", model="smart"), metadata=metadata) for _ in range(8)]
    openings = [await call.read() for call in calls]
    error = await refused(stub.Chat(aura_pb2.ChatRequest(text="One more"), metadata=metadata))
    assert error.code() == Code.RESOURCE_EXHAUSTED
    assert details(error) == ("TOO_MANY_STREAMS", 5_000)
    assert ("grpc-retry-pushback-ms", "5000") in tuple(error.trailing_metadata())
    for opening in openings:
        await stub.Cancel(aura_pb2.CancelRequest(stream=opening.open.stream), metadata=metadata)
    for call in calls:
        await events_of(call)


async def test_stats_are_those_of_the_process(server: LiveServer, stub: Any) -> None:
    stats = await stub.GetStats(aura_pb2.GetStatsRequest(), metadata=signed(server.key))
    assert server.process is not None
    assert stats.process == server.process.pid
    assert stats.uptime_s > 0
    assert not stats.draining


def test_the_generated_modules_are_those_of_the_definition() -> None:
    made = generate.generate()
    assert set(made) == {"aura_pb2.py", "aura_pb2.pyi", "aura_pb2_grpc.py"}
    for name, text in made.items():
        assert (generate.GENERATED / name).read_text() == text


def test_codes_of_the_definition_are_those_of_the_protocol() -> None:
    faults = {name.removeprefix("FAULT_"): number for name, number in aura_pb2.FaultCode.items() if number}
    assert faults == {code.name: int(code) for code in FaultCode}
    finishes = {name.removeprefix("FINISH_"): number for name, number in aura_pb2.Finish.items()}
    priorities = {name.removeprefix("PRIORITY_"): number for name, number in aura_pb2.Priority.items()}
    assert priorities == {priority.name: int(priority) for priority in Priority}
    assert finishes == {finish.name: int(finish) for finish in Finish}
    assert set(STATUS) == set(FaultCode)
    assert set(CLOSED) <= set(CloseCode)
    assert Code.OK not in {*STATUS.values(), *CLOSED.values()}
