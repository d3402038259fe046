"""The topics of this process: found by name, written here or by the process that owns them, and who is present."""

import asyncio
import logging
import secrets
import time
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from audit.errors import AuditError, Conflict
from streaming import topics
from streaming.errors import Overloaded, StreamingError, TooLarge
from streaming.mirror import Mirror
from streaming.registry import registry
from streaming.topics import Topic

log = logging.getLogger(__name__)

# Seconds until a publication that another process has not confirmed is sent again, and until it fails.
RESEND = 1.0
PATIENCE = 15.0


class Hub:
    """Topics by the name of their stream."""

    def __init__(self) -> None:
        self._topics: dict[UUID, Topic] = {}
        self._opening: dict[UUID, asyncio.Task[Topic]] = {}
        self._mirrors: dict[UUID, Mirror[Topic]] = {}
        self._receipts: dict[str, asyncio.Future[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        registry.handlers["publish"] = self._on_publish
        registry.handlers["published"] = self._on_published

    def __len__(self) -> int:
        return len(self._topics)

    def known(self) -> list[Topic]:
        """Return the topics in memory."""
        return list(self._topics.values())

    async def topic(self, name: str, user_id: int) -> Topic:
        """Return the topic, read from the record when it is not in memory. Raises UnknownStream, Overloaded."""
        identifier = topics.topic_id(name, user_id)
        known = self._topics.get(identifier)
        if known is not None:
            known.used = time.monotonic()
            return known
        if len(self._topics) + len(self._opening) >= settings.STREAMING_TOPICS:
            raise Overloaded("too many topics are in use here: try again later", 30)
        task = self._opening.get(identifier)
        if task is None:
            task = self._opening[identifier] = asyncio.create_task(self._open(identifier, name))
            task.add_done_callback(lambda _: self._opening.pop(identifier, None))
        return await asyncio.shield(task)

    async def _open(self, identifier: UUID, title: str) -> Topic:
        found = await topics.entries(identifier, -1)
        window = settings.STREAMING_REPLAY_WINDOW
        topic = Topic(identifier, title, registry.replay, window, topics.chunks(found))
        topic.remember(found)
        self._topics[identifier] = topic
        if not await self._own(topic):
            self._follow(topic)
        return topic

    async def _own(self, topic: Topic) -> bool:
        """Try to become the one process that writes the topic."""
        try:
            if registry.draining or not await registry.replay.claim(topic.name):
                return False
        except OSError as error:
            log.warning("topic %s is not claimed: %s", topic.title, error)
        while missing := await topics.entries(topic.name, topic.next_offset):
            topic.publish(topics.chunks(missing))
            topic.remember(missing)
        topic.owned = True
        self._mirrors.pop(topic.name, None)
        return True

    def _follow(self, topic: Topic) -> None:
        topic.owned = False
        self._mirrors[topic.name] = Mirror(topic, registry.replay, self._own, self._forget)

    def _forget(self, topic: Topic) -> None:
        self._topics.pop(topic.name, None)
        self._mirrors.pop(topic.name, None)

    # -- publishing --------------------------------------------------------------------------------------------

    async def publish(self, name: str, user: Any, identifier: bytes, kind: str, data: Any) -> tuple[Topic, int]:
        """Put an event of a user on the record and before the subscribers; return its topic and offset.

        The same `identifier` again is the same event. Raises StreamingError and audit's errors.
        """
        topics.check_public(name)
        return await self._publish(name, user, identifier, kind, data)

    async def _publish(self, name: str, user: Any, identifier: bytes, kind: str, data: Any) -> tuple[Topic, int]:
        topic = await self.topic(name, user.pk)
        text = topics.event_text(user.get_username(), kind, data)
        if len(text.encode()) > settings.STREAMING_EVENT_LIMIT:
            raise TooLarge(f"an event has at most {settings.STREAMING_EVENT_LIMIT} bytes")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if topic.owned:
                try:
                    return topic, await topic.write(identifier, user.get_username(), text)
                except Conflict:
                    log.warning("topic %s is written by another process now", topic.title)
                    self._follow(topic)
            else:
                offset = await self._forwarded(topic, identifier, user.get_username(), text)
                if offset is not None:
                    return topic, offset
        raise Overloaded("the event could not be published now: send it again with the same id", RESEND)

    async def _forwarded(self, topic: Topic, identifier: bytes, actor: str, text: str) -> int | None:
        """Have the process that owns the topic write; return the offset, None when it does not answer."""
        receipt = self._receipts.setdefault(identifier.hex(), asyncio.get_running_loop().create_future())
        mirror = self._mirrors.get(topic.name)
        if mirror is not None:
            mirror.tell("publish", id=identifier.hex(), actor=actor, text=text)
        try:
            async with asyncio.timeout(RESEND):
                return await asyncio.shield(receipt)
        except TimeoutError:
            return None
        finally:
            self._receipts.pop(identifier.hex(), None)

    def _on_publish(self, message: dict[str, Any]) -> None:
        topic = self._topics.get(UUID(hex=message["stream"]))
        if topic is not None and topic.owned:
            self._background(self._write_for(topic, message))

    async def _write_for(self, topic: Topic, message: dict[str, Any]) -> None:
        try:
            offset = await topic.write(bytes.fromhex(message["id"]), message["actor"], message["text"])
        except Conflict:
            self._follow(topic)
        except AuditError as error:
            log.warning("an event of another process could not be recorded: %s", error)
        else:
            answer = {"do": "published", "stream": topic.name.hex, "id": message["id"], "offset": offset}
            await registry.replay.tell(message["reader"], answer)

    def _on_published(self, message: dict[str, Any]) -> None:
        receipt = self._receipts.get(message["id"])
        if receipt is not None and not receipt.done():
            receipt.set_result(int(message["offset"]))

    # -- presence ----------------------------------------------------------------------------------------------

    async def join(self, topic: Topic, user: Any) -> None:
        """Count a subscriber in, and tell those who watch the topic's presence."""
        topic.present[user.get_username()] += 1
        if topic.present[user.get_username()] == 1:
            await self._announce(topic, user, "joined")

    def leave(self, topic: Topic, user: Any) -> None:
        """Count a subscriber out, and have it told; nobody waits for that."""
        topic.present[user.get_username()] -= 1
        if topic.present[user.get_username()] <= 0:
            del topic.present[user.get_username()]
            self._background(self._announce(topic, user, "left"))

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self, topic: Topic, user: Any, what: str) -> None:
        await registry.replay.note(topic.name, orjson.dumps(dict(topic.present)).decode())
        name = f"{topics.PRESENCE}/{topic.title}"
        if topic.title.split("/")[0] in (topics.PRESENCE, topics.PRIVATE) or not self._is_watched(name):
            return
        try:
            await self._publish(name, user, secrets.token_bytes(16), what, {"topic": topic.title})
        except (StreamingError, AuditError) as error:
            log.warning("presence in %s could not be told: %s", topic.title, error)

    def _is_watched(self, name: str) -> bool:
        known = self._topics.get(topics.topic_id(name, 0)) if len(name) <= topics.NAME_LIMIT else None
        return known is not None

    async def present(self, topic: Topic) -> dict[str, int]:
        """Return how many subscriptions each user has, in all processes."""
        total = dict(topic.present)
        for text in await registry.replay.notes(topic.name):
            for name, count in orjson.loads(text).items():
                total[name] = total.get(name, 0) + count
        return total

    # -- upkeep ------------------------------------------------------------------------------------------------

    async def keep_house(self) -> None:
        """Renew what the others know of presence; let go of topics that nobody uses."""
        for topic in self.known():
            if topic.present:
                await registry.replay.note(topic.name, orjson.dumps(dict(topic.present)).decode())
            if topic.owned and not topic.watched:
                topic.owned = False
                self._forget(topic)
                await registry.replay.release(topic.name)

    async def aclose(self) -> None:
        """Let go of all topics, so that other processes can have them at once."""
        for topic in self.known():
            if topic.owned:
                topic.owned = False
                await registry.replay.release(topic.name)
            mirror = self._mirrors.pop(topic.name, None)
            if mirror is not None:
                mirror.task.cancel()
            topic.part()
        self._topics.clear()


hub = Hub()
