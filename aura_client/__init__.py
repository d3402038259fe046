"""A Python client of AURA: answers that stay whole when lines break and servers are killed.

    from aura_client import Client

    async with Client("http://127.0.0.1:8000", key) as aura:
        answer = await aura.ask("What is the capital of France?")
        async for text in answer:
            print(text, end="")

`Client` speaks the session protocol over a WebSocket, `aura_client.rpc.GrpcClient` over gRPC and
`aura_client.webrtc.WebRtcClient` over a data channel; these have topics beside answers. `SseClient` and `HttpClient` have
the same `ask` over plain HTTP. See docs/how-to/python-client.md. Needs `websockets`, `aiohttp`, `orjson` and `brotli`, and
neither Django nor a configuration.
"""

from aura_client.answer import Answer, End
from aura_client.chat import START, Client
from aura_client.errors import AuraError, Closed, Damaged, Refused, Unreachable
from aura_client.http import HttpClient
from aura_client.sse import SseClient
from aura_client.topics import Event, Subscription
from streaming.protocol.codes import Mode, Reliability

__all__ = [
    "START",
    "Answer", "AuraError", "Client", "Closed", "Damaged", "End", "Event", "HttpClient", "Mode", "Refused", "Reliability",
    "SseClient", "Subscription", "Unreachable",
]  # fmt: skip
