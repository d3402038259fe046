"""Answers over `POST /ai/chat`, as lines of JSON."""

from uuid import UUID

import aiohttp
import orjson

from aura_client.answer import Answer, End, refusal
from aura_client.requests import RequestClient


class HttpClient(RequestClient):
    """AURA over plain HTTP requests: `async with HttpClient(url, key) as aura: answer = await aura.ask("...")`.

    A request that breaks is made again with the same idempotency key; what is there already is passed over.
    """

    def _request(
        self, http: aiohttp.ClientSession, question: dict[str, str], key: str, answer: Answer
    ) -> "aiohttp.client._RequestContextManager":
        headers = {"Accept": "application/x-ndjson", "Idempotency-Key": key}
        return http.post(f"{self._url}/ai/chat", json=question, headers=headers)

    async def _read(self, response: aiohttp.ClientResponse, answer: Answer) -> None:
        async for line in response.content:
            if not line.endswith(b"\n"):
                return  # broken off within a line
            data = orjson.loads(line)
            match data["type"]:
                case "open":
                    answer.opened(UUID(data["stream"]), data["epoch"], UUID(data["conversation"]))
                case "chunk" if data["offset"] >= answer.offset:
                    answer.add(data["text"], data["offset"] + 1)
                case "done":
                    answer.finish(End.of(data), answer.check(data))
                case "fault" if data["code"] == "interrupted" and data.get("retry_after_ms"):
                    return  # this server stops, and hands the answer over to another
                case "fault":
                    answer.finish(None, refusal(data))
