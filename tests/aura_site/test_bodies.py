"""Bodies that are too large or too slow, from anybody, to whatever reads one."""

import asyncio
import socket
from typing import Any

import pytest

from aura_site.asgi import http
from aura_site.bodies import Bodies
from streaming.transports import openai
from tests.live import LiveServer

PATHS = ("/sign-in/", "/ai/chat", "/api/v1/conversations", "/nowhere", "/v1/chat/completions")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_stranger_cannot_fill_the_disk(live: LiveServer, path: str, chunked: bool) -> None:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {10**12}"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    piece = b"x" * 1_000_000
    if chunked:
        piece = b"%x\r\n%s\r\n" % (len(piece), piece)
    with socket.create_connection(("127.0.0.1", live.port), 60) as line:
        line.sendall(head.encode())
        try:
            for _ in range(100):
                line.sendall(piece)
            raise AssertionError("a hundred megabytes were taken")
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert live.get("/health/live", "")[0] == 200


def test_what_is_too_large_is_told(live: LiveServer) -> None:
    size = 8 * 1024 * 1024 + 1
    with socket.create_connection(("127.0.0.1", live.port), 60) as line:
        line.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n" + b"x" * size)
        answer = b"".join(iter(lambda: line.recv(65_536), b""))  # to the end: the line is closed
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in answer


@pytest.mark.parametrize("application", [http, openai.application], ids=["django", "v1"])
async def test_who_never_sends_the_rest_is_let_go(application: Any) -> None:
    parts = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.Event().wait()
        return parts.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    await asyncio.wait_for(Bodies(application, 100, patience=0.05)(scope, receive, send), 30)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_what_follows_a_whole_body_is_waited_for_without_end() -> None:
    parts = [
        {"type": "http.request", "body": b"12345", "more_body": True},
        {"type": "http.request", "body": b"67890"},
    ]
    heard: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if parts:
            return parts.pop(0)
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        while not heard or heard[-1]["type"] != "http.disconnect":
            heard.append(await receive())

    async def send(_message: dict[str, Any]) -> None:
        raise AssertionError("nobody was refused")

    await Bodies(application, 10, patience=0.1)({"type": "http"}, receive, send)
    assert b"".join(message.get("body", b"") for message in heard) == b"1234567890"
