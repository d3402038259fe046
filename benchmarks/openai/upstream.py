"""An OpenAI-compatible endpoint that costs next to nothing: `python -m benchmarks.openai.upstream PORT`.

The model `mock-N-GAP` streams N tokens with GAP milliseconds between; with GAP 0 all at once.
"""

import asyncio
import json
import re
import sys
import time

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
    loop = asyncio.get_running_loop()
    begun = loop.time()
    writer.write(_HEAD + _chunk(model, {"role": "assistant", "content": ""}))
    for number in range(count):
        if gap:
            await asyncio.sleep(max(0.0, begun + (number + 1) * gap - loop.time()))
        text = f"{time.monotonic_ns()} " if model.startswith("clock") else token(number)
        writer.write(_chunk(model, {"content": text}))
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
