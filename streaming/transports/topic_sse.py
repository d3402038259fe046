"""Topics as Server-Sent Events: each event of a subscription, resumable by Last-Event-ID."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from streaming.errors import StreamingError
from streaming.flow.events import StreamChunk
from streaming.protocol.codes import FaultCode
from streaming.standing import Standing, watch
from streaming.subscriptions import Subscription
from streaming.transports.content_coding import Coder, Identity
from streaming.transports.sse import Position, event_bytes, with_heartbeats


class TopicFeed:
    """Turns a subscription into the bytes of an event stream.

    Events: `open`, then `event` (`{"topic", "offset", "event"}`), `heartbeat`, and `error` when it cannot go on.
    `coder` makes the content coding.
    """

    def __init__(
        self, subscription: Subscription, user: Any, title: str, heartbeat: float, coder: Coder | None = None
    ) -> None:
        self._subscription = subscription
        self._user = user
        self._signed_out = False
        self._title = title
        self._heartbeat = heartbeat
        self._coder = coder or Identity()

    async def run(self) -> AsyncGenerator[bytes]:
        """Yield the bytes. The subscription ends when the caller stops iterating."""
        async with aclosing(self._events()) as events:
            async for event in events:
                yield self._coder.code(event)
        if rest := self._coder.end():
            yield rest

    async def _events(self) -> AsyncGenerator[bytes]:
        found = self._subscription
        position = Position(found.name, found.epoch, found.start)
        watch.hold(self, Standing.of(self._user), self._sign_out)
        try:
            yield event_bytes("open", {"topic": self._title, "epoch": found.epoch, "offset": found.start}, position)
            async with aclosing(with_heartbeats(found.read(found.start), self._heartbeat)) as events:
                async for event in events:
                    if self._signed_out:
                        words = "You are signed out: sign in again, or send an API key that counts."
                        yield event_bytes("error", {"code": FaultCode.NOT_ALLOWED.label, "message": words})
                        return
                    if event is None:
                        yield event_bytes("heartbeat", {})
                    elif isinstance(event, StreamChunk):
                        data = {"topic": self._title, "offset": event.offset, "event": orjson.Fragment(event.text)}
                        yield event_bytes("event", data, Position(found.name, found.epoch, event.offset + 1))
        except StreamingError as error:
            yield event_bytes("error", {"code": error.code.label, "message": str(error)})
        finally:
            watch.release(self)
            found.release(leaving=True)

    def _sign_out(self) -> None:
        self._signed_out = True
