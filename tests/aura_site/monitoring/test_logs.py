"""Logs: one JSON object a line, the id of the request in each, and never a text of a message."""

import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from aura_site.monitoring.logs import JsonLines
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
