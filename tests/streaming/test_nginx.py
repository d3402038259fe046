"""What an operator puts in front: answers through nginx, over HTTP/1.1 and HTTP/2, unbuffered."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from streaming.client import ChatClient
from streaming.protocol.client import Ended
from tests.live import LiveServer
from tests.services import nginx


@pytest.fixture(params=[False, True], ids=["http1", "http2"])
def curl(request: pytest.FixtureRequest, live: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list]:
    binary = shutil.which("curl")
    assert binary, "no curl: install Debian's package curl"
    with nginx(tmp_path_factory.mktemp("nginx"), [live.port], http2=request.param) as port:
        version = ["--http2-prior-knowledge"] if request.param else ["--http1.1"]
        key = ["-H", f"Authorization: Bearer {live.key}", "-w", "%{stderr}%{http_version}"]
        yield [binary, "-sN", *version, *key, f"http://127.0.0.1:{port}", request.param]


def stream(curl: list, path: str, *more: str) -> tuple[list[tuple[float, str]], str]:
    """Return the lines of an answer with the times at which they came, and the version of HTTP."""
    *command, url, _ = curl
    process = subprocess.Popen([*command, *more, url + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [(time.monotonic(), line.rstrip("\n")) for line in process.stdout if line.strip()]
    version = process.stderr.read()
    process.wait(30)
    process.stdout.close()
    process.stderr.close()
    return lines, version


def test_an_answer_comes_piece_by_piece(curl: list) -> None:
    body = json.dumps({"text": "Speak", "model": "nano"})
    more = ["-H", "Content-Type: application/json", "-H", "Accept: application/x-ndjson", "-d", body]
    lines, version = stream(curl, "/ai/chat", *more)
    assert version == ("2" if curl[-1] else "1.1")
    events = [json.loads(line) for _, line in lines]
    assert [events[0]["type"], events[-1]["type"]] == ["open", "done"]
    assert len("".join(event.get("text", "") for event in events).split()) == 60
    # The model takes 600 ms for its 60 words; a proxy that buffers would hand all of it over at once.
    assert lines[-1][0] - lines[0][0] > 0.2


def test_an_event_stream_comes_event_by_event(curl: list) -> None:
    lines, version = stream(curl, "/api/v1/stream/chat?q=Speak&model=nano")
    assert version == ("2" if curl[-1] else "1.1")
    assert lines[-2][1] == "event: done"
    assert lines[-1][0] - lines[0][0] > 0.2


async def test_sessions_pass_through(live: LiveServer, tmp_path) -> None:
    with nginx(tmp_path, [live.port]) as port:
        async with ChatClient(f"ws://127.0.0.1:{port}/ws/chat/", live.key) as client:
            events = [event async for event in client.ask("Speak", model="nano")]
        assert isinstance(events[-1], Ended)
