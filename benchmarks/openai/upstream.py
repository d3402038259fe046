"""An OpenAI-compatible endpoint that costs next to nothing: `python -m benchmarks.openai.upstream PORT`.

The model `mock-N-GAP` streams N tokens with GAP milliseconds between; with GAP 0 all at once.
"""

import asyncio
import json
import re
import sys
import time
from functools import cache

from benchmarks import clock

WORDS = [
    "the",
    "model",
    "streams",
    "its",
    "answer",
    "word",
    "by",
    "word",
    "so",
    "that",
    "a",
    "reader",
    "can",
    "follow",
    "the",
    "text",
    "and",
    "wait",
    "for",
    "none",
    "of",
    "it",
]
_SHAPE = re.compile(r"(?:mock|clock)-(\d+)-(\d+)")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def token(number: int) -> str:
    """Return the text of a token: words, with a full stop here and there."""
    return WORDS[number % len(WORDS)] + (". " if number % 12 == 11 else " ")


def _event(value: object) -> bytes:
    data = (
        b"data: " + (value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()) + b"\n\n"
    )
    return b"%x\r\n%s\r\n" % (len(data), data)


def _chunk(model: str, delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return _event({**head, "system_fingerprint": "fp_1", "choices": [choice]})


@cache
def _around(model: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the text of a token's event, without the chunk's length."""
    before, _, behind = _chunk(model, {"content": "%"}).partition(b"\r\n")[2].partition(b"%")
    return before, behind


def _said(model: str, number: int) -> bytes:
    """Return the event of a token: with `clock` the time at which it is said. No token needs escaping in JSON."""
    before, behind = _around(model)
    text = clock.word(time.monotonic_ns()) + b" " if model.startswith("clock") else token(number).encode()
    return b"%x\r\n%s%s%s" % (len(before) + len(text) + len(behind) - 2, before, text, behind)


class _Paced:
    """An answer at a fixed pace, without a task of its own: thousands of tokens a second must cost little here."""

    def __init__(self, writer: asyncio.StreamWriter, model: str, count: int, gap: float) -> None:
        self._writer = writer
        self._model = model
        self._count = count
        self._gap = gap
        self._said = 0
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._wait()

    def _wait(self) -> None:
        self._loop.call_at(self._begun + (self._said + 1) * self._gap, self._say)

    def _say(self) -> None:
        if self.over.done():
            return
        if self._writer.is_closing():
            self.over.set_exception(ConnectionError("the caller has gone"))
            return
        self._writer.write(_said(self._model, self._said))
        self._said += 1
        if self._said == self._count:
            self.over.set_result(None)
        else:
            self._wait()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"content-length: *(\d+)", head.lower())
            body = await reader.readexactly(int(size[1])) if size else b""
            if head.startswith(b"GET"):
                data = b'{"data":[]}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + data)
                continue
            await _answer(json.loads(body), writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _answer(asked: dict[str, object], writer: asyncio.StreamWriter) -> None:
    model = str(asked["model"])
    shape = _SHAPE.search(model)
    count, gap = (int(shape[1]), int(shape[2]) / 1000) if shape else (20, 0.0)
    writer.write(_HEAD + _chunk(model, {"role": "assistant", "content": ""}))
    if gap:
        await _Paced(writer, model, count, gap).over
    else:
        for number in range(count):
            writer.write(_said(model, number))
            if number % 16 == 15:
                await writer.drain()
    usage = {"prompt_tokens": 20, "completion_tokens": count, "total_tokens": 20 + count}
    end = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [],
        "usage": usage,
    }
    writer.write(_chunk(model, {}, "stop") + _event(end) + _event(b"[DONE]") + b"0\r\n\r\n")
    await writer.drain()


async def main(port: int) -> None:
    """Serve on that port of the loopback, for ever."""
    server = await asyncio.start_server(_serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
