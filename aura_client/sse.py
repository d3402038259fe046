"""Answers over `GET /api/v1/stream/chat`, as Server-Sent Events (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import aiohttp
import orjson

from aura_client.answer import Answer, End, refusal
from aura_client.errors import Damaged
from aura_client.requests import RequestClient


class SseClient(RequestClient):
    """AURA over event streams: `async with SseClient(url, key) as aura: answer = await aura.ask("...")`.

    A stream that breaks is resumed with `Last-Event-ID`. A question is part of the address, so it should be short: some
    servers take no more than 8 KB. Use `HttpClient` for longer ones.
    """

    async def resume(self, position: str) -> Answer:
        """Go on reading the answer at `position` (see `Answer`)."""
        stream, epoch, offset = position.split(":")
        answer = Answer(UUID(hex=stream))
        answer.epoch, answer.offset, answer.whole_text = int(epoch), int(offset), not int(offset)
        return self._begin({}, answer)

    def _request(
        self, http: aiohttp.ClientSession, question: dict[str, str], key: str, answer: Answer
    ) -> "aiohttp.client._RequestContextManager":
        address = f"{self._url}/api/v1/stream/chat"
        headers = {"Accept": "text/event-stream", "Idempotency-Key": key}
        if answer.position:
            return http.get(address, headers=headers | {"Last-Event-ID": answer.position})
        asked = {"q" if name == "text" else name: value for name, value in question.items()}
        return http.get(address, params=asked, headers=headers)

    async def _read(self, response: aiohttp.ClientResponse, answer: Answer) -> None:
        async for name, data in _events(response):
            match name:
                case "open":
                    answer.opened(UUID(hex=data["stream"]), data["epoch"], UUID(data["conversation"]))
                    if data["offset"] != answer.offset:
                        raise Damaged("the server resumed at another place than it was asked to")
                case "token":
                    answer.add(data["text"], data["offset"] + 1)
                case "done":
                    answer.finish(End.of(data), answer.check(data))
                case "error":
                    answer.finish(None, refusal(data))


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield name and data of each whole event."""
    name, data = "", b""
    async for raw in response.content:
        line = raw.rstrip(b"\r\n")
        if not line and raw.endswith(b"\n"):
            if data:
                yield name, orjson.loads(data)
            name, data = "", b""
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode()
        elif field == b"data":
            data = data + b"\n" + value if data else value
