"""Intake: the body of a request on its way into the spool, as it comes, never held."""

import asyncio
import logging

from streaming.asgi import Receive
from streaming.datasets.envelope import Envelope
from streaming.datasets.errors import BadEnvelope
from streaming.jobs.errors import Busy, Gone, InputTooLarge, Mismatch, Unreadable
from streaming.jobs.spool import Folder

log = logging.getLogger(__name__)
# Bytes that may wait for the disk; the line is held back behind that.
BUFFER = 1024 * 1024


class ClientGone(Exception):
    """The line broke."""


class Body:
    """The body of an ASGI request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.over = False

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end. Raises ClientGone."""
        while not self.over:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self.over = not message.get("more_body", False)
            if data := message.get("body", b""):
                return bytes(data)
        return b""

    async def gone(self) -> None:
        """Return when the client has left; the body must be over."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Intake:
    """Moves a body into the input of a job. While one write runs, what arrives waits for the next."""

    def __init__(
        self, body: Body, files: Folder, limit: int, *, start: int = 0, envelope: Envelope | None = None
    ) -> None:
        """`limit` is what the whole input may have, `start` what is there already."""
        self.received = start
        self._body = body
        self._files = files
        self._limit = limit
        self._envelope = envelope
        self._arrived = asyncio.Event()

    async def run(self, begun: bytes = b"") -> None:
        """Write `begun`, of the input itself, and then the body to its end. Raises JobError and ClientGone."""
        if begun:
            self._count(await asyncio.to_thread(self._append, begun))
        waiting = bytearray()
        writing: asyncio.Task[int] | None = None
        try:
            while True:
                if waiting and (writing is None or writing.done()):
                    if writing is not None:
                        self._count(writing.result())
                    data, waiting = bytes(waiting), bytearray()
                    writing = asyncio.create_task(asyncio.to_thread(self._write, data))
                if writing is not None and (self._body.over or len(waiting) >= BUFFER):
                    await asyncio.wait([writing])
                    self._count(writing.result())
                    writing = None
                    continue
                if self._body.over:
                    break
                waiting += await self._body.read()
        finally:
            if writing is not None:
                # What has begun is counted: a client that comes back must not send it again.
                await asyncio.wait([writing])
                self._count(writing.result())
        if self._envelope is not None:
            self._finish(self._envelope)

    def _count(self, written: int) -> None:
        self.received += written
        self._arrived.set()

    def _write(self, data: bytes) -> int:
        """Take a part of the body, in a thread. Return the bytes that the input has grown by."""
        try:
            return self._append(self._envelope.feed(data) if self._envelope is not None else data)
        except BadEnvelope as error:
            raise Unreadable(str(error)) from None

    def _append(self, data: bytes) -> int:
        if self.received + len(data) > self._limit:
            raise InputTooLarge(f"An input may have {self._limit} bytes here: send less, or ask the operator.")
        try:
            self._files.append(data, self.received)
        except FileNotFoundError:
            raise Gone("The job is over, or its input is not kept any more.") from None
        except BlockingIOError:
            raise Mismatch("Another connection goes on with this upload.") from None
        except OSError as error:
            log.error("an input cannot be written: %s", error)
            raise Busy("The server cannot store the input now: come back later.") from None
        return len(data)

    @staticmethod
    def _finish(envelope: Envelope) -> None:
        try:
            envelope.finish()
        except BadEnvelope as error:
            raise Unreadable(str(error)) from None
        if envelope.late:
            names = ", ".join(sorted(envelope.late))[:80]
            raise Unreadable(
                f"In a body over 1 MB parameters stand before input_data, or in the query: {names} came late."
            )

    async def more(self, patience: float) -> None:
        """Return when more has arrived, or after `patience` seconds."""
        self._arrived.clear()
        try:
            await asyncio.wait_for(self._arrived.wait(), patience)
        except TimeoutError:
            return
