"""Google Pub/Sub. `pubsub://PROJECT[?endpoint=HOST:PORT]`; the channel is a topic to write to, a subscription to read from.

The client finds its credentials as all of Google's do (GOOGLE_APPLICATION_CREDENTIALS, the machine's account). With
`endpoint` it speaks to an emulator, without any. A message's stream is its ordering key; a subscription that keeps the order
must be made with message ordering on. Pub/Sub itself keeps what was not settled, so there is no position to go back to.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import SplitResult

from streaming.bridges import base
from streaming.bridges.base import BATCH, WAIT, Delivery, Message
from streaming.bridges.errors import BadAddress, Refused, Unavailable

PACKAGE = "google-cloud-pubsub>=2.44,<3"
# Of a request: https://cloud.google.com/pubsub/quotas
REQUEST_MESSAGES, REQUEST_BYTES = 1_000, 9_500_000
ATTRIBUTE_LIMIT = 1_024
PATIENCE = 15.0


class PubSub:
    """See `Bridge`."""

    def __init__(self, url: SplitResult) -> None:
        self._endpoint = base.options(url, endpoint="")["endpoint"]
        self._api = base.client("google.pubsub_v1", PACKAGE)
        self._project = url.netloc
        if not self._project:
            raise BadAddress("pubsub: an address is pubsub://PROJECT")

    async def source(self, channel: str, _positions: Mapping[str, str]) -> "_Source":
        """See `Bridge`."""
        client, channel_ = self._client("subscriber")
        return _Source(client, channel_, f"projects/{self._project}/subscriptions/{channel}")

    async def end(self, channel: str) -> dict[str, str]:
        """See `Bridge`. What the subscription holds counts as acknowledged from here on."""
        client, channel_ = self._client("subscriber")
        try:
            with _told():
                request = {
                    "subscription": f"projects/{self._project}/subscriptions/{channel}",
                    "time": datetime.now(UTC),
                }
                await client.seek(request=request, timeout=PATIENCE, retry=None)
        finally:
            await _close(client, channel_)
        return {"": "0"}

    async def sink(self, channel: str, _mark: str = "") -> "_Sink":
        """See `Bridge`."""
        client, channel_ = self._client("publisher")
        return _Sink(client, channel_, f"projects/{self._project}/topics/{channel}", self._api)

    def _client(self, kind: str) -> tuple[Any, Any]:
        """Return a client, and its line where that is an emulator's. Raises Unavailable without credentials."""
        made = getattr(self._api, f"{kind.title()}AsyncClient")
        if not self._endpoint:
            with _told():
                return made(), None
        import grpc.aio

        service = base.client(f"google.pubsub_v1.services.{kind}.transports", PACKAGE)
        # As the client's own line: a batch may have more than gRPC's usual 4 MiB.
        limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        line = grpc.aio.insecure_channel(self._endpoint, options=limits)
        return made(transport=getattr(service, f"{kind.title()}GrpcAsyncIOTransport")(channel=line)), line


class _Source:
    ordered = False

    def __init__(self, client: Any, line: Any, subscription: str) -> None:
        self._client = client
        self._line = line
        self._subscription = subscription
        self._handles: dict[str, str] = {}

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        from google.api_core.exceptions import DeadlineExceeded

        request = {"subscription": self._subscription, "max_messages": min(limit, REQUEST_MESSAGES)}
        with _told():
            try:
                answer = await self._client.pull(request=request, timeout=WAIT, retry=None)
            except DeadlineExceeded:
                return []
        found = []
        # The plain messages below those of the client, whose every field costs it a hundred times as much.
        for one in type(answer).pb(answer).received_messages:
            message = one.message
            self._handles[message.message_id] = one.ack_id
            # Numbers in practice; anything else is made one.
            known = message.message_id
            number = int(known) if known.isdigit() else int.from_bytes(sha256(known.encode()).digest()[:7])
            arrived = Message.arrived(message.data, dict(message.attributes))
            at = message.publish_time.ToMilliseconds() / 1000
            found.append(Delivery(arrived, "", message.message_id, number, at))
        return found

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        handles = [self._handles.pop(one.position) for one in deliveries if one.position in self._handles]
        if handles:
            with _told():
                request = {"subscription": self._subscription, "ack_ids": handles}
                await self._client.acknowledge(request=request, timeout=PATIENCE, retry=None)

    async def aclose(self) -> None:
        await _close(self._client, self._line)


class _Sink:
    mark = ""

    def __init__(self, client: Any, line: Any, topic: str, api: Any) -> None:
        self._client = client
        self._line = line
        self._topic = topic
        # Plain messages, as the source reads them.
        self._message = api.PubsubMessage.pb()
        self._request = api.PublishRequest

    async def send(self, messages: Sequence[Message]) -> None:
        part: list[Any] = []
        size = 0
        for index, message in enumerate(messages):
            headers = message.all_headers()
            length = len(message.body) + sum(len(name) + len(value.encode()) for name, value in headers.items()) + 256
            reason = ""
            if length > REQUEST_BYTES:
                reason = f"Pub/Sub takes messages of at most {REQUEST_BYTES} bytes"
            elif any(len(value.encode()) > ATTRIBUTE_LIMIT for value in headers.values()):
                reason = f"Pub/Sub takes headers of at most {ATTRIBUTE_LIMIT} bytes"
            elif not message.body and not headers:
                reason = "Pub/Sub takes no message without a body and headers"
            if reason or size + length > REQUEST_BYTES or len(part) == REQUEST_MESSAGES:
                await self._publish(part)
                part, size = [], 0
            if reason:
                raise Refused(index, reason)
            part.append(self._message(data=message.body, attributes=headers, ordering_key=message.stream))
            size += length
        await self._publish(part)

    async def _publish(self, part: Sequence[Any]) -> None:
        """Send a request, which is taken whole or not at all."""
        if part:
            with _told():
                request = self._request.wrap(self._request.pb()(topic=self._topic, messages=part))
                await self._client.publish(request=request, timeout=PATIENCE, retry=None)

    async def aclose(self) -> None:
        await _close(self._client, self._line)


@contextmanager
def _told() -> Iterator[None]:
    """Turn the client's errors into Unavailable."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from grpc.aio import AioRpcError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, AioRpcError, OSError, asyncio.InvalidStateError) as error:
        raise Unavailable(f"Pub/Sub: {error or type(error).__name__}") from None


async def _close(client: Any, line: Any) -> None:
    with suppress(Exception):
        if line is not None:
            await line.close()
        else:
            await client.transport.close()
