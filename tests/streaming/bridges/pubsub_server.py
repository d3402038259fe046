"""A small Pub/Sub: the official messages over gRPC, with topics, subscriptions, deadlines and ordering keys, in memory.

Names are made by their first use: a subscription belongs to the topic of its own name. Of messages with one ordering key
none is delivered while an earlier one is not acknowledged, as a subscription with message ordering does it.
"""

import asyncio
import itertools
import sys
import time
from collections import defaultdict

import grpc
import grpc.aio
from google.pubsub_v1 import types

DEADLINE = 1.0
LARGEST = 10_000_000


class Subscription:
    def __init__(self) -> None:
        self.waiting: list[types.PubsubMessage] = []
        self.out: dict[str, tuple[float, types.PubsubMessage]] = {}

    def take(self, limit: int) -> list[tuple[str, types.PubsubMessage]]:
        now = time.monotonic()
        for handle, (deadline, message) in list(self.out.items()):
            if deadline < now:
                del self.out[handle]
                self.waiting.append(message)
        self.waiting.sort(key=lambda message: int(message.message_id))
        held = {message.ordering_key for _, message in self.out.values() if message.ordering_key}
        taken = []
        for message in list(self.waiting):
            if len(taken) < limit and message.ordering_key not in held:
                self.waiting.remove(message)
                handle = f"{message.message_id}/{now}"
                self.out[handle] = (now + DEADLINE, message)
                taken.append((handle, message))
        return taken


class Server:
    def __init__(self) -> None:
        self.numbers = itertools.count(1_000_000)
        self.subscriptions: dict[str, Subscription] = defaultdict(Subscription)
        self.arrived = asyncio.Condition()

    async def publish(self, request: types.PublishRequest, _context: object) -> types.PublishResponse:
        subscription = self.subscriptions[request.topic.rsplit("/", 1)[1]]
        names = []
        for message in request.messages:
            message.message_id = str(next(self.numbers))
            subscription.waiting.append(message)
            names.append(message.message_id)
        async with self.arrived:
            self.arrived.notify_all()
        return types.PublishResponse(message_ids=names)

    async def pull(self, request: types.PullRequest, _context: object) -> types.PullResponse:
        subscription = self.subscriptions[request.subscription.rsplit("/", 1)[1]]
        while not (taken := subscription.take(request.max_messages)):
            async with self.arrived:
                try:
                    async with asyncio.timeout(0.2):
                        await self.arrived.wait()
                except TimeoutError:
                    pass
        return types.PullResponse(
            received_messages=[types.ReceivedMessage(ack_id=handle, message=message) for handle, message in taken]
        )

    async def acknowledge(self, request: types.AcknowledgeRequest, _context: object) -> types.AcknowledgeRequest:
        subscription = self.subscriptions[request.subscription.rsplit("/", 1)[1]]
        for handle in request.ack_ids:
            subscription.out.pop(handle, None)
        # Google answers google.protobuf.Empty; on the wire it is the same.
        return types.AcknowledgeRequest()


async def main(port: int) -> None:
    made = Server()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", LARGEST)])
    for service, methods in {
        "google.pubsub.v1.Publisher": {"Publish": (made.publish, types.PublishRequest)},
        "google.pubsub.v1.Subscriber": {
            "Pull": (made.pull, types.PullRequest),
            "Acknowledge": (made.acknowledge, types.AcknowledgeRequest),
        },
    }.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                work, request_deserializer=kind.deserialize, response_serializer=lambda one: type(one).serialize(one)
            )
            for name, (work, kind) in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
