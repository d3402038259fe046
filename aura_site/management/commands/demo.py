"""`manage.py demo`: a scripted conversation over a real socket: method, bytes and ratio of each turn, and its record."""

import asyncio
import os
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from audit import selectors as record
from audit.models import Entry
from compression.codec.library import Library
from compression.codec.payload import CompressionMethod
from routing_ai import services as routing
from streaming.client import ChatClient
from streaming.protocol.client import Failed, Opened, Reading, TextArrived
from streaming.protocol.codes import Mode

SCRIPT = (
    "Hello",
    "Can you explain gravity to me in simple terms, step by step, and then give me an example of how I would meet it "
    "in everyday life?",
    "What is the capital of France?",
    "What is the difference between tea and coffee? Please compare them point by point, with an example of each, and "
    "tell me when I should choose one and when the other.",
    "Thank you!",
)
COLUMNS = "{who:<10} {method:<10} {text:>7} {payload:>8} {ratio:>7}  {words}"


@dataclass
class Line:
    """One direction of a turn: bytes of the text in UTF-8, and of its payload."""

    who: str
    method: str
    text_bytes: int
    payload_bytes: int
    words: str

    @property
    def ratio(self) -> float:
        return self.text_bytes / max(1, self.payload_bytes)


class Command(BaseCommand):
    help = "Hold a scripted conversation with the running server and show its bytes and its record."

    def handle(self, *_args: Any, **_options: Any) -> None:
        user = get_user_model()._default_manager.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if user is None:
            raise CommandError("There is no administrator yet: ./aura up makes one, or manage.py bootstrap.")
        key, secret = routing.create_key(user, "demo")
        conversation = secrets.token_bytes(16)
        try:
            asyncio.run(self._talk(secret, conversation))
        except BrokenPipeError:
            # Who reads this has gone (`| head`); so has what Python would still write at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        except (OSError, aiohttp.ClientError) as error:
            raise CommandError(
                f"The server at {_address()} does not answer ({error}): start it with ./aura up."
            ) from None
        finally:
            routing.revoke_key(key)
        self._show_record(UUID(bytes=conversation))

    async def _talk(self, secret: str, conversation: bytes) -> None:
        # The server listens without TLS: with AURA_HTTPS it is told what a proxy in front of it would tell.
        headers = {"Authorization": f"Bearer {secret}", "X-Forwarded-Proto": "https" if settings.AURA_HTTPS else "http"}
        async with aiohttp.ClientSession(f"http://{_address()}", headers=headers) as http:

            async def fetch(name: str) -> Library | None:
                async with http.get(f"/api/compression/libraries/{name}") as response:
                    return Library.from_manifest(await response.read(), name) if response.status == 200 else None

            url = f"ws://{_address()}/ws/chat/"
            async with ChatClient(url, secret, mode=Mode.COMPLETE, fetch=fetch) as client:
                await client.settle()
                self.stdout.write(f"A conversation over {url}\n\n")
                self.stdout.write(
                    COLUMNS.format(who="", method="method", text="text B", payload="coded B", ratio="ratio", words="")
                )
                lines: list[Line] = []
                for question in SCRIPT:
                    for line in await self._turn(client, question, conversation):
                        lines.append(line)
                        self._show(line)
        text, coded = sum(line.text_bytes for line in lines), sum(line.payload_bytes for line in lines)
        self._show(Line("all", "", text, coded, ""))
        best = max(lines, key=lambda line: line.ratio)
        self.stdout.write(f"\nBest: {best.method} {best.ratio:.1f}:1 ({best.text_bytes} B as {best.payload_bytes} B)\n")

    async def _turn(self, client: ChatClient, question: str, conversation: bytes) -> list[Line]:
        reading: Reading | None = None
        pieces: list[TextArrived] = []
        async for event in client.ask(question, conversation):
            if isinstance(event, Failed):
                raise CommandError(f"The answer failed: {event.fault.message}")
            if isinstance(event, Opened):
                reading = event.reading
            if isinstance(event, TextArrived):
                pieces.append(event)
        assert reading is not None
        assert reading.sent is not None
        asked = Line(
            "you",
            CompressionMethod(reading.sent.payload[0] & 7).name.lower(),
            len(question.encode()),
            len(reading.sent.payload),
            question,
        )
        methods = "+".join(CompressionMethod(piece.method).name.lower() for piece in pieces)
        coded = sum(piece.payload_bytes for piece in pieces)
        return [asked, Line("model", methods, len(reading.text.encode()), coded, reading.text)]

    def _show(self, line: Line) -> None:
        words = " ".join(line.words.split())
        self.stdout.write(
            COLUMNS.format(
                who=line.who,
                method=line.method,
                text=line.text_bytes,
                payload=line.payload_bytes,
                ratio=f"{line.ratio:.1f}:1",
                words=words if len(words) <= 60 else words[:59] + "…",
            )
        )

    def _show_record(self, conversation: UUID) -> None:
        self.stdout.write("\nIts record:\n\n")
        entries = Entry.objects.filter(conversation=conversation).select_related("content").order_by("seq")
        for entry, event in zip(entries, record.events_of(entries), strict=True):
            at = datetime.fromtimestamp(entry.at / 1_000_000, UTC).strftime("%H:%M:%S.%f")[:-3]
            words = " ".join(event.text.split())[:60] or " ".join(f"{k}={v}" for k, v in event.meta.items())[:60]
            self.stdout.write(f"{entry.seq:>6} {at} {entry.kind:<9} {bytes(entry.hash).hex()[:12]}  {words}")
        count, problem = record.verify_chain()
        state = "the chain is whole" if problem is None else f"entry {problem.sequence}: {problem.what}"
        self.stdout.write(f"\n{count} entries on the record; {state}.")


def _address() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.AURA_HOST, settings.AURA_HOST)
    return f"{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.AURA_PORT}"
