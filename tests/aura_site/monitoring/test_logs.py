"""Logs: one JSON object a line, the id of the request in each, and never a text of a message."""

import http.client
import json
import logging
import socket
import sys

from hypothesis import given
from hypothesis import strategies as st

from aura_site.monitoring.logs import Bounded, JsonLines
from aura_site.monitoring.requests import identify
from tests.live import LiveServer

SECRET = "quetzalcoatlus"


@given(st.text(), st.text())
def test_a_record_is_one_line_of_json(message: str, path: str) -> None:
    record = logging.LogRecord("a", logging.INFO, "", 1, "%s", (message,), None)
    record.path, record.request = path, "the whole request"
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "\r" not in line
    told = json.loads(line)
    assert (told["message"], told["path"], told["level"]) == (message, path, "info")
    assert "request" not in told


def test_an_exception_is_told_without_its_words() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 1, "it failed", (), sys.exc_info())
    line = JsonLines().format(record)
    assert SECRET not in line
    exception = json.loads(line)["exception"]
    assert exception["type"] == "builtins.ValueError"
    assert "test_an_exception_is_told_without_its_words" in exception["frames"][0]


@given(st.binary(max_size=80))
def test_an_id_that_could_forge_a_line_is_not_taken_over(given_id: bytes) -> None:
    name = identify({"headers": [(b"x-request-id", given_id)]})
    assert name.isascii()
    assert name.replace(".", "").replace("_", "").replace("-", "").isalnum() or name == given_id.decode()
    assert 8 <= len(name) <= 64


def test_a_server_writes_what_a_machine_can_read(watched: LiveServer) -> None:
    path = f"/api/v1/stream/chat?q=Speak+of+the+{SECRET}&model=nano"
    _, headers, body = watched.get(path, X_Request_ID="my-own-id-7")
    assert "event: done" in body
    assert headers["x-request-id"] == "my-own-id-7"
    for wrong in (f"/api/v1/stream/chat?q={SECRET}&conversation={SECRET}", f"/nowhere?q={SECRET}"):
        assert watched.get(wrong)[0] >= 400
    lines = [json.loads(line) for line in watched.log().splitlines()]
    assert SECRET not in watched.log()
    mine = [line for line in lines if line.get("request_id") == "my-own-id-7"]
    request = next(line for line in mine if line["logger"] == "aura.requests")
    assert (request["method"], request["path"], request["status"]) == ("GET", "/api/v1/stream/chat", 200)
    assert request["duration_ms"] > 0
    assert {"uvicorn.error"} <= {line["logger"] for line in lines}


def record_of(
    line: int = 1, level: int = logging.WARNING, name: str = "django.request", **more: object
) -> logging.LogRecord:
    record = logging.LogRecord(name, level, "a.py", line, "%s was %s", ("it", "wrong"), None)
    record.__dict__.update(more)
    return record


def test_lines_of_one_place_are_bounded_and_what_was_left_out_is_counted() -> None:
    now = [0.0]
    bounded = Bounded(limit=3, period=60, clock=lambda: now[0])
    assert [bounded.filter(record_of()) for _ in range(10)] == [True] * 3 + [False] * 7
    # Another place, another level, and what the operator asked for stand by themselves.
    assert bounded.filter(record_of(line=2))
    assert bounded.filter(record_of(level=logging.ERROR))
    assert all(bounded.filter(record_of(name="aura.requests")) for _ in range(10))
    now[0] = 60.0
    record = record_of()
    assert bounded.filter(record)
    assert record.getMessage() == "it was wrong (7 more like this were left out)"
    record = record_of()
    assert bounded.filter(record)
    assert record.getMessage() == "it was wrong"


def test_what_a_caller_did_wrong_is_one_short_line() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        thrown = sys.exc_info()
    for record in (record_of(name="django.security.DisallowedHost"), record_of(status_code=400)):
        record.exc_info, record.args = thrown, ("x" * 100_000, "wrong")
        assert Bounded().filter(record)
        assert (record.exc_info, len(record.getMessage())) == (None, 300)
    record = record_of(status_code=500, level=logging.ERROR)
    record.exc_info = thrown
    assert Bounded().filter(record)
    assert record.exc_info is thrown


def test_strangers_cannot_fill_the_log(live: LiveServer) -> None:
    before = len(live.log())
    wrong = {
        "/": {"Host": "x" * 8_000}, "/nowhere": {}, "/sign-in/": {"Host": "a b"}, "/ai/chat": {"Cookie": "\xff" * 500},
        "/%00%0a": {}, "/api/v1/stream/chat?conversation=x": {},
    }  # fmt: skip
    for path, headers in wrong.items():
        line = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
        for _ in range(200):
            line.request("GET", path, headers=headers)
            line.getresponse().read()
        line.close()
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", live.port), 60) as rubbish:
            rubbish.sendall(b"\x16\x03\x01rubbish\r\n\r\n")
            rubbish.recv(1_000)
    told = live.log()[before:]
    assert "Traceback" not in told
    # 1,400 wrong requests, and no kind of them more often than 60 times a minute.
    lines = told.splitlines()
    assert len(lines) < 600
    assert max(map(len, lines)) < 500
