"""`POST /ai/chat` over real HTTP, in each of its forms."""

import asyncio
import http.client
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model

from compression.codec.library import Library, default_library
from compression.codec.varint import decode_varint
from streaming import views
from streaming.asgi import Over
from streaming.messages import Message
from streaming.protocol import frames
from streaming.protocol.client import ClientSession, Ended, TextArrived
from streaming.protocol.codec import SessionCodec
from streaming.streams import Stream
from streaming.transports.http import FRAMES, NDJSON, PLAIN, choose
from tests.live import LiveServer
from tests.streaming.leaving import leave_behind_the_status
from tests.streaming.test_http import POOR

SERVERS = ["uvicorn", "daphne"]


class Post:
    """One request; `body` is read to its end, or left with `leave`."""

    def __init__(self, live: LiveServer, data: Any, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if not isinstance(data, str | bytes):
            data = json.dumps(data)
            names.setdefault("Content-Type", "application/json")
        path = names.pop("path", "/ai/chat")
        names.setdefault("Authorization", f"Bearer {live.key}")
        self.connection.request("POST", path, data, {name: value for name, value in names.items() if value})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def body(self) -> bytes:
        try:
            return self.response.read()
        finally:
            self.leave()

    def leave(self) -> None:
        self.response.close()
        self.connection.close()


def test_plain_text_needs_nothing_else(live: LiveServer) -> None:
    answer = Post(live, "Say this back", Content_Type="text/plain", path="/ai/chat?mode=token")
    assert answer.status == 200
    assert answer.response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(answer.body().decode().split()) == 60
    assert Post(live, {"text": "Say مرحبا back", "model": "fast"}).body().decode() == "Say مرحبا back"


def test_ndjson_has_an_event_a_line(live: LiveServer) -> None:
    answer = Post(live, {"text": "Speak", "model": "nano"}, Accept=NDJSON)
    events = [json.loads(line) for line in answer.body().splitlines()]
    assert [events[0]["type"], events[-1]["type"]] == ["open", "done"]
    assert answer.response.headers["AURA-Stream"] == events[0]["stream"]
    assert [event["offset"] for event in events[1:]] == list(range(len(events) - 1))
    assert len("".join(event["text"] for event in events[1:-1]).split()) == 60
    assert events[-1]["usage"]["completion_tokens"] == 60


def read_frames(data: bytes, library: Library | None) -> tuple[list[Any], ClientSession]:
    codec = SessionCodec(262_144)
    client = ClientSession(codec)
    position, events = 0, []
    while position < len(data):
        size, position = decode_varint(data, position)
        frame = data[position : position + size]
        position += size
        decoded = frames.decode(frame)
        if isinstance(decoded, frames.Open):
            client.resume(decoded.stream)
            if library is not None:
                codec.use(1, library)
        events += client.receive(frame, decoded)
    return events, client


@pytest.mark.parametrize("held", [True, False])
def test_frames_are_those_of_a_session(live: LiveServer, held: bool) -> None:
    library = default_library() if held else None
    headers = {"AURA_Library": library.hash} if library else {}
    words = "Hello! How can I help you today?"
    answer = Post(live, {"text": words, "model": "fast"}, Accept=FRAMES, path="/ai/chat?mode=complete", **headers)
    events, client = read_frames(answer.body(), library)
    texts = [event for event in events if isinstance(event, TextArrived)]
    assert [(event.text, event.payload_bytes) for event in texts] == [(words, 2 if held else 33)]
    assert isinstance(events[-1], Ended)
    assert not [frame for frame in client.to_send if isinstance(frame, frames.Fault)]


def test_the_same_key_gives_the_same_answer_and_asks_once(live: LiveServer) -> None:
    first = Post(live, {"text": "Once only", "model": "fast"}, Idempotency_Key="key 1")
    second = Post(live, {"text": "Once only", "model": "fast"}, Idempotency_Key="key 1")
    assert first.body() == second.body() == b"Once only"
    assert first.response.headers["AURA-Stream"] == second.response.headers["AURA-Stream"]
    conversation = first.response.headers["AURA-Conversation"]
    assert second.response.headers["AURA-Conversation"] == conversation
    assert len(live.get(f"/api/v1/conversations/{conversation}")[2]["turns"]) == 2
    other = Post(live, {"text": "Mine"}, Idempotency_Key="key 1", Authorization=f"Bearer {live.users['eve']['key']}")
    assert other.response.headers["AURA-Stream"] != first.response.headers["AURA-Stream"]
    other.leave()


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        ({"text": "hi"}, {"Accept": "image/png"}, 406, "malformed"),
        ("{", {"Content_Type": "application/json"}, 422, "malformed"),
        ("[]", {"Content_Type": "application/json"}, 422, "malformed"),
        ("[" * 50_000, {"Content_Type": "application/json"}, 422, "malformed"),
        ({"text": 4}, {}, 422, "malformed"),
        ('{"text": "\\ud800"}', {"Content_Type": "application/json"}, 422, "malformed"),
        (b"\xff", {"Content_Type": "text/plain"}, 422, "malformed"),
        ("a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 422, "malformed"),
        ({"text": "hi"}, {"path": "/ai/chat?mode=loud"}, 422, "malformed"),
        ({"text": "hi", "model": "huge"}, {}, 404, "no_model"),
        ({"text": "hi", "model": "huge"}, {"Accept": NDJSON}, 404, "no_model"),
        ({"text": "hi", "conversation": "x"}, {}, 404, "unknown_stream"),
        ({"text": " "}, {}, 422, "empty_prompt"),
        ({}, {}, 422, "empty_prompt"),
        ({"text": "x" * 262_145}, {}, 413, "too_large"),
        ({"text": "x" * 3_000_000}, {}, 413, "too_large"),
        ({"text": "hi"}, {"Idempotency_Key": "k" * 256}, 413, "too_large"),
        ({"text": "hi"}, {"Authorization": "Bearer aura_no"}, 401, "not_allowed"),
    ],
)
def test_bad_requests_are_explained(
    live: LiveServer, data: Any, headers: dict[str, str], status: int, code: str
) -> None:
    answer = Post(live, data, **headers)
    assert answer.status == status
    error = json.loads(answer.body())["error"]
    assert error["code"] == code
    assert error["message"]


@pytest.mark.environment(OPENAI_BASE_URL="http://127.0.0.1:9/v1", AURA_RETRIES="0")
def test_a_fault_comes_as_the_last_line(own_server: LiveServer) -> None:
    asked = {"text": "hi", "model": "openai:nowhere"}
    assert b"[provider_failed: " in Post(own_server, asked).body()
    last = json.loads(Post(own_server, asked, Accept=NDJSON).body().splitlines()[-1])
    assert (last["type"], last["code"], last["retry"]) == ("fault", "provider_failed", True)


@pytest.mark.parametrize("data", [{"text": "Say مرحبا back", "model": "fast"}, "Say مرحبا back"])
def test_a_question_is_counted_with_its_text_and_its_body(live: LiveServer, data: Any) -> None:
    plain = isinstance(data, str)
    headers = {"Content_Type": "text/plain"} if plain else {}
    answer = Post(live, data.encode() if plain else data, **headers)
    answer.body()
    body = len((data if plain else json.dumps(data)).encode())
    _, _, kept = live.get(f"/api/v1/conversations/{answer.response.headers['AURA-Conversation']}")
    question = kept["turns"][0]
    assert (question["text_bytes"], question["wire_bytes"]) == (len("Say مرحبا back".encode()), body)


@pytest.mark.environment(**POOR)
def test_a_budget_that_is_used_up_is_told_by_the_status(own_server: LiveServer) -> None:
    answer = Post(own_server, {"text": "Hello"}, Accept=NDJSON)
    assert (answer.status, int(answer.response.headers["Retry-After"]) > 0) == (429, True)
    assert json.loads(answer.body())["error"]["code"] == "budget_exhausted"


def test_a_mode_that_there_is_not_is_told_with_those_there_are(live: LiveServer) -> None:
    error = json.loads(Post(live, {"text": "hi"}, path="/ai/chat?mode=loud").body())["error"]
    assert error["message"].endswith("mode is one of complete, sentence, token")


def test_who_leaves_ends_the_answer(own_server: LiveServer) -> None:
    answer = Post(own_server, {"text": "Speak", "model": "smart"}, Accept=NDJSON)
    answer.response.readline()
    answer.response.readline()
    answer.leave()
    end = time.monotonic() + 10
    while own_server.get("/api/streaming/stats")[2]["streams"]["open"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    conversation = answer.response.headers["AURA-Conversation"]
    turns = own_server.get(f"/api/v1/conversations/{conversation}")[2]["turns"]
    assert turns[1]["state"] == "cancelled"


def _being_answered(monkeypatch: pytest.MonkeyPatch) -> Stream:
    """Return a stream that whoever asks is given, and that nobody has read yet."""
    message = Message(1, "ada", uuid4(), uuid4(), "Hello")
    # Without a journal: nothing is written here.
    stream = Stream(message, None, window=1_000, grace=60)  # type: ignore[arg-type]
    stream.source = asyncio.create_task(asyncio.sleep(60))

    async def ask(*_: Any) -> Stream:
        return stream

    monkeypatch.setattr(views.chat, "ask", ask)
    return stream


@pytest.mark.parametrize("lasting", [False, True])
async def test_who_leaves_before_a_model_is_asked_ends_the_answer_unless_the_request_can_be_made_again(
    monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    stream = _being_answered(monkeypatch)

    async def view(scope: dict[str, Any], *_: Any) -> None:
        await views._asked(SimpleNamespace(scope=scope), stream.message, None, lasting=lasting)

    asking = asyncio.create_task(Over(view)({}, None, None))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    assert stream.source is not None
    assert bool(stream.source.cancelling()) != lasting
    assert (stream._abandonment is not None) == lasting
    stream.cancel()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/ai/chat", {}),
        ("POST", "/ai/chat", {"Idempotency-Key": "again"}),
        ("GET", "/api/v1/stream/chat", {}),
    ],
)
async def test_who_leaves_behind_the_status_and_before_the_body_leaves_no_answer_for_nobody(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, headers: dict[str, str]
) -> None:
    stream = _being_answered(monkeypatch)
    stream.choose("a model")
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    await leave_behind_the_status(user, method, path, "q=Hello", headers)
    assert stream.source is not None
    ends_at_once = path == "/ai/chat" and not headers
    assert bool(stream.source.cancelling()) == ends_at_once
    assert (stream._abandonment is not None) != ends_at_once
    stream.cancel()


def test_a_browsers_session_alone_is_not_enough(live: LiveServer) -> None:
    cookie = f"sessionid={live.users['ada']['session']}"
    answer = Post(live, {"text": "hi"}, Authorization="", Cookie=cookie)
    assert answer.status == 403
    answer.leave()


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/html, application/x-ndjson;q=0.9", NDJSON),
        ("application/json", NDJSON),
        (FRAMES, FRAMES),
        ("image/png", ""),
    ],
)
def test_the_form_is_the_first_of_ours(accept: str, form: str) -> None:
    assert choose(accept) == form


@pytest.mark.environment(SMART_MODEL="mock:mock-700-15")
def test_a_server_that_stops_says_so_and_the_next_one_gives_the_whole_answer(own_server: LiveServer) -> None:
    question = {"text": "Speak", "model": "smart"}
    cut = Post(own_server, question, Accept=NDJSON, Idempotency_Key="whole")
    stopping = threading.Thread(target=own_server.stop)
    stopping.start()
    events = [json.loads(line) for line in cut.body().splitlines()]
    stopping.join()
    assert (events[-1]["type"], events[-1]["code"], events[-1]["retry"]) == ("fault", "interrupted", True)
    begun = "".join(event.get("text", "") for event in events)
    own_server.start()
    again = Post(own_server, question, Accept=NDJSON, Idempotency_Key="whole")
    events = [json.loads(line) for line in again.body().splitlines()]
    assert events[-1]["type"] == "done"
    text = "".join(event.get("text", "") for event in events)
    assert text.startswith(begun)
    assert len(text.split()) == 700


def test_what_will_probably_follow_is_marked_and_is_not_on_the_record(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, ENABLE_HYBRID_STREAMING="true")
    server.start()
    try:
        for _ in range(4):
            answer = Post(server, {"text": "Speak", "model": "nano"}, Accept=NDJSON)
            conversation = answer.response.headers["AURA-Conversation"]
            events = [json.loads(line) for line in answer.body().splitlines()]
        text = "".join(event.get("text", "") for event in events)
        tentative = [event for event in events if event.get("tentative")]
        assert len(text.split()) == 60
        assert tentative
        before = "".join(event.get("text", "") for event in events[: events.index(tentative[0]) + 1])
        assert text.startswith(before + tentative[0]["tentative"])
        turns = server.get(f"/api/v1/conversations/{conversation}")[2]["turns"]
        assert turns[-1]["text"] == text
    finally:
        server.stop()


def test_another_question_under_the_same_key_is_refused(own_server: LiveServer) -> None:
    first = Post(own_server, {"text": "Once only", "model": "fast"}, Idempotency_Key="key")
    assert first.body() == b"Once only"
    # What is known of it is in memory, then on the record alone.
    for _ in range(2):
        other = Post(own_server, {"text": "Something else", "model": "fast"}, Idempotency_Key="key")
        assert other.status == 409
        assert json.loads(other.body())["error"]["code"] == "conflict"
        own_server.stop()
        own_server.start()
    assert Post(own_server, {"text": "Once only", "model": "fast"}, Idempotency_Key="key").body() == b"Once only"
