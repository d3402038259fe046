"""A small Pub/Sub: the official messages over gRPC, with topics, subscriptions, deadlines and ordering keys.

Names are made by their first use: a subscription belongs to the topic of its own name. Of messages with one ordering key
only one answer's are out at a time, as with a subscription that keeps the order. What was published and acknowledged is in
a file before it is answered, and there again after a kill.
"""

import asyncio
import heapq
import struct
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.pubsub_v1 import types

DEADLINE = 2.0
LARGEST = 10_000_000
PUBLISHED, ACKNOWLEDGED = 0, 1
HEAD = struct.Struct(">BHI")

Message = types.PubsubMessage.pb()


class Kept:
    """A file of what happened: kind, subscription, bytes."""

    def __init__(self, file: Path) -> None:
        content = file.read_bytes() if file.exists() else b""
        self.before = list(self._entries(content))
        whole = sum(HEAD.size + len(name.encode()) + len(data) for _, name, data in self.before)
        self._file = file.open("ab", buffering=0)
        # An entry that the kill cut off was never answered.
        self._file.truncate(whole)

    @staticmethod
    def _entries(content: bytes) -> Iterator[tuple[int, str, bytes]]:
        place = 0
        while place + HEAD.size <= len(content):
            kind, name, length = HEAD.unpack_from(content, place)
            start, place = place + HEAD.size, place + HEAD.size + name + length
            if place <= len(content):
                yield kind, content[start : start + name].decode(), content[start + name : place]

    def add(self, kind: int, name: str, entries: Sequence[bytes]) -> None:
        """Write entries down, in one go."""
        packed = name.encode()
        self._file.write(b"".join(HEAD.pack(kind, len(packed), len(data)) + packed + data for data in entries))


class Subscription:
    """Messages by ordering key: those that wait, in order, and those that are out."""

    def __init__(self) -> None:
        self.waiting: dict[str, deque[Any]] = defaultdict(deque)
        self.out: dict[int, tuple[float, Any]] = {}
        self.held: Counter[str] = Counter()

    def take(self, limit: int) -> list[Any]:
        """Return the oldest messages that may go out, until their deadline."""
        now = time.monotonic()
        late = [number for number, (deadline, _) in self.out.items() if deadline < now]
        for message in reversed([self.out[number][1] for number in late]):
            self.waiting[message.ordering_key].appendleft(message)
        for number in late:
            self.done(number)
        free = [queue for key, queue in self.waiting.items() if queue and not (key and self.held[key])]
        taken = list(islice(heapq.merge(*free, key=lambda message: int(message.message_id)), limit))
        for message in taken:
            self.waiting[message.ordering_key].popleft()
            self.held[message.ordering_key] += 1
            self.out[int(message.message_id)] = (now + DEADLINE, message)
        return taken

    def done(self, number: int) -> None:
        """Take back a message that is out."""
        if number in self.out:
            _, message = self.out.pop(number)
            self.held[message.ordering_key] -= 1


class Server:
    """The methods that the bridge calls."""

    def __init__(self, kept: Kept) -> None:
        self.subscriptions: dict[str, Subscription] = defaultdict(Subscription)
        self.changed = asyncio.Condition()
        self.number = 1_000_000
        acknowledged = {(name, int(data)) for kind, name, data in kept.before if kind == ACKNOWLEDGED}
        for kind, name, data in kept.before:
            if kind == PUBLISHED:
                message = Message.FromString(data)
                self.number = int(message.message_id)
                if (name, self.number) not in acknowledged:
                    self.subscriptions[name].waiting[message.ordering_key].append(message)
        kept.before.clear()
        self.kept = kept

    async def publish(self, request: Any, _context: object) -> Any:
        """Take messages."""
        name = request.topic.rsplit("/", 1)[1]
        for message in request.messages:
            self.number += 1
            message.message_id = str(self.number)
            message.publish_time.GetCurrentTime()
        self.kept.add(PUBLISHED, name, [message.SerializeToString() for message in request.messages])
        for message in request.messages:
            self.subscriptions[name].waiting[message.ordering_key].append(message)
        await self.tell()
        return types.PublishResponse.pb()(message_ids=[message.message_id for message in request.messages])

    async def pull(self, request: Any, _context: object) -> Any:
        """Give messages out, as soon as there are some."""
        subscription = self.subscriptions[request.subscription.rsplit("/", 1)[1]]
        while not (taken := subscription.take(request.max_messages)):
            async with self.changed:
                try:
                    async with asyncio.timeout(0.2):
                        await self.changed.wait()
                except TimeoutError:
                    pass
        one = types.ReceivedMessage.pb()
        return types.PullResponse.pb()(
            received_messages=[one(ack_id=message.message_id, message=message) for message in taken]
        )

    async def acknowledge(self, request: Any, _context: object) -> Any:
        """Forget messages."""
        name = request.subscription.rsplit("/", 1)[1]
        subscription = self.subscriptions[name]
        known = [handle for handle in request.ack_ids if int(handle) in subscription.out]
        self.kept.add(ACKNOWLEDGED, name, [handle.encode() for handle in known])
        for handle in known:
            subscription.done(int(handle))
        await self.tell()
        # Google answers google.protobuf.Empty; on the wire it is the same.
        return types.AcknowledgeRequest.pb()()

    async def seek(self, request: Any, _context: object) -> Any:
        """Forget what was published before a time."""
        name = request.subscription.rsplit("/", 1)[1]
        before = request.time.ToNanoseconds()
        for queue in self.subscriptions[name].waiting.values():
            while queue and queue[0].publish_time.ToNanoseconds() <= before:
                self.kept.add(ACKNOWLEDGED, name, [queue.popleft().message_id.encode()])
        return types.SeekResponse.pb()()

    async def tell(self) -> None:
        """Wake those who wait for messages."""
        async with self.changed:
            self.changed.notify_all()


async def main(port: int, file: Path) -> None:
    """Serve until killed."""
    made = Server(Kept(file))
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", LARGEST)])
    for service, methods in {
        "google.pubsub.v1.Publisher": {"Publish": (made.publish, types.PublishRequest)},
        "google.pubsub.v1.Subscriber": {
            "Pull": (made.pull, types.PullRequest),
            "Acknowledge": (made.acknowledge, types.AcknowledgeRequest),
            "Seek": (made.seek, types.SeekRequest),
        },
    }.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                work,
                request_deserializer=kind.pb().FromString,
                response_serializer=lambda one: one.SerializeToString(),
            )
            for name, (work, kind) in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
