"""The ASGI application behind /deep_tree_echo/stream_...: events go out while the body still comes in.

It stands beside Django's handler, which would take a whole body onto the disk before a view sees any of it.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import orjson
from django.conf import settings

from audit.errors import AuditError
from audit.journal import journal
from streaming import coded, identity
from streaming.asgi import Receive, Scope, Send
from streaming.coded import Coding
from streaming.datasets import envelope
from streaming.datasets.envelope import Envelope
from streaming.datasets.errors import BadEnvelope, BadParameter
from streaming.datasets.parameters import ENDPOINTS, Endpoint
from streaming.datasets.payload import content_of
from streaming.jobs import services
from streaming.jobs.active import runs
from streaming.jobs.errors import (
    Forbidden,
    InputTooLarge,
    JobError,
    Mismatch,
    NotSignedIn,
    UnknownJob,
    Unreadable,
    WrongKind,
)
from streaming.jobs.intake import Body, ClientGone, Intake
from streaming.jobs.running import Run
from streaming.models import DatasetJob
from streaming.protocol.codes import FaultCode
from streaming.transports.content_coding import BULK
from streaming.transports.sse import Position

log = logging.getLogger(__name__)

# A JSON body up to this size is read whole, so that its members may stand in any order.
SMALL = 1024 * 1024
# Bytes of events that are coded in less than a millisecond.
INLINE_LIMIT = 16 * 1024


class Request:
    """What is asked: method, query, headers, user."""

    def __init__(self, scope: Scope, body: Body) -> None:
        self.method: str = scope["method"]
        self.query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.body = body
        self.route: dict[str, str] = scope["url_route"]["kwargs"]
        self.scope = scope

    async def user(self) -> Any:
        """Return the user. Raises NotSignedIn and Forbidden."""
        by_key = self.headers.get("authorization", "").lower().startswith("bearer ")
        user = await identity.user_of(self.scope)
        if user is None:
            raise NotSignedIn("Sign in, or send an API key as a bearer token.")
        if by_key:
            return user
        check_page(self.scope)
        return user

    def position(self) -> Position | None:
        """Return where the client stands, None for a new job. Raises UnknownJob."""
        last = self.headers.get("last-event-id") or self.query.get("last_event_id", "")
        named = self.query.get("job", "")
        try:
            position = Position.parse(last) if last else None
            job = UUID(named) if named else None
        except ValueError:
            raise UnknownJob("Last-Event-ID or job names no job of yours.") from None
        if position and job and position.stream != job:
            raise UnknownJob("Last-Event-ID belongs to another job.")
        return position or (Position(job, 1, 0) if job else None)

    def number(self, name: str) -> int | None:
        """Return a header that is a whole number, None when it is not there. Raises Unreadable."""
        text = self.headers.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Unreadable(f"{name} must be a number of bytes.")
        return int(text)


def check_page(scope: Scope) -> None:
    """Raise Forbidden unless one of AURA's own pages asks, and after a one-time password was replaced.

    Browsers say themselves where a request comes from (Sec-Fetch-Site), older ones by Origin; what says neither is none.
    """
    headers = dict(scope["headers"])
    foreign = headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none")
    if foreign or not identity.origin_allowed(scope):
        raise Forbidden("Another site may not ask in your name.")
    session = scope.get("session")
    if session is not None and session.get("one_time_password"):
        raise Forbidden("Choose a password of your own first.")


class JobApplication:
    """Answers errors as JSON; `answer` does the rest."""

    methods: tuple[str, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, Body(receive))
        try:
            if request.method not in self.methods:
                await respond(send, 405, _error("malformed", f"Use {' or '.join(self.methods)}."), allow=self.methods)
                return
            await self.answer(request, await request.user(), send)
        except BadParameter as error:
            details = {"parameter": error.parameter, "allowed": error.allowed}
            await respond(send, 422, _error("malformed", str(error), details))
        except BadEnvelope as error:
            await respond(send, 422, _error("malformed", str(error)))
        except JobError as error:
            await respond(send, error.status, _error(error.code.label, str(error), error.details), error.retry_after)
        except AuditError as error:
            await respond(send, 503, _error(FaultCode.OVERLOADED.label, str(error)), 2)
        except ClientGone:
            pass

    async def answer(self, request: Request, user: Any, send: Send) -> None:
        raise NotImplementedError


class StreamApplication(JobApplication):
    """One of the four endpoints."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.methods = ("GET", "POST") if endpoint.readable else ("POST",)

    async def answer(self, request: Request, user: Any, send: Send) -> None:
        """Stream a new job, or the rest of one."""
        runs.admit(user.pk, settings.STREAMING_DATASETS_PER_USER)
        position = request.position()
        intake: Intake | None
        if position is None:
            job, intake, begun = await self._new(request, user)
        else:
            job, intake = await self._known(request, user, position)
            begun = b""
            if job.size is not None and position.offset == job.size + 1:
                # All has been read: 204 tells an EventSource not to come back.
                await respond(send, 204, None)
                return
        events = Events(send, await coded.chosen(request.scope, BULK))
        more = intake.more if intake is not None else asyncio.sleep
        start = {"name": job.run} if position is None else {"position": position.offset}
        run = Run(job, user.get_username(), runs.pool, events.send, more, **start)
        await events.start(self._headers(job))
        await carry(run, take(job, user.get_username(), request.body, intake, begun))
        await events.end()

    # -- what a job begins with --------------------------------------------------------------------------------

    async def _new(self, request: Request, user: Any) -> tuple[DatasetJob, Intake, bytes]:
        given: Mapping[str, object] = request.query
        self.endpoint.read(given)
        room = await asyncio.to_thread(services.room)
        size = request.number("content-length")
        # The envelope of a JSON body counts for little; its input is counted as it comes.
        if size is not None and size > room + envelope.HEAD_LIMIT:
            raise InputTooLarge(f"An input may have {room} bytes here: send less, or ask the operator.")
        letter: Envelope | None = None
        if request.method == "GET":
            data, size = request.query.get(envelope.NAME, "").encode(), None
            await request.body.read()
        elif (kind := _kind(request)) == "application/json":
            letter, fields, data = await _open_letter(request.body)
            given = {**fields, **request.query}
            size = None
        elif kind.startswith("multipart/"):
            raise WrongKind("Send the input itself as the body, or JSON with input_data; forms are not taken.")
        else:
            data = await request.body.read()
        values = self.endpoint.read(given)
        if not data and request.body.over:
            raise Unreadable("The input is empty: send a body, or input_data in JSON.", parameter=envelope.NAME)
        size = len(data) if request.body.over and letter is None else size
        job = await services.create(user, self.endpoint.name, values, content_of(data).value, size, run=uuid4())
        return job, Intake(request.body, services.folder(job), room, envelope=letter), data

    async def _known(self, request: Request, user: Any, position: Position) -> tuple[DatasetJob, Intake | None]:
        job = await services.find(user, position.stream)
        if job.endpoint != self.endpoint.name:
            raise Mismatch(f"That job is one of /deep_tree_echo/{job.endpoint}.")
        if job.status == services.Status.CANCELLED:
            raise Mismatch("That job was cancelled.")
        there, complete = await asyncio.to_thread(services.folder(job).look)
        if not complete and there == job.size:
            # The line broke, or the server was killed, between the last byte and the mark that it was the last.
            await services.received(job, user.get_username())
            complete = True
        chunk = self.endpoint.chunk_of(job.parameters)
        ended = complete and position.offset in (there, there + 1)
        if position.offset > there + complete or (position.offset % chunk and not ended):
            raise Unreadable("Last-Event-ID names a place that this job never reached.")
        intake = None
        if not complete and request.method == "POST":
            intake = await resumed_upload(request, job, there)
        else:
            await request.body.read()
        await journal().append([services.entry(job, user.get_username(), "resumed", position=position.offset)])
        return job, intake

    def _headers(self, job: DatasetJob) -> dict[str, str]:
        level = job.parameters.get("compression_level", 1 if job.parameters.get("enable_compression") else 0)
        if "adaptive_compression" in job.parameters:
            level = "auto" if job.parameters["adaptive_compression"] else 0
        return {
            "X-Server-Rendered": "true",
            "X-Compression-Level": str(level),
            "X-Timeout-Prevention": "true" if job.parameters.get("timeout_prevention", True) else "false",
            "AURA-Job": str(job.pk),
            **self.endpoint.headers,
        }


class InputApplication(JobApplication):
    """PATCH /deep_tree_echo/jobs/ID/input: a further part of an input, beginning at Upload-Offset."""

    methods = ("PATCH",)

    async def answer(self, request: Request, user: Any, send: Send) -> None:
        """Take the part in, and say how much is there."""
        job = await services.find(user, job_named(request.route["job"]))
        there, complete = await asyncio.to_thread(services.folder(job).look)
        if complete:
            raise Mismatch("This input is complete.", received=there)
        intake = await resumed_upload(request, job, there)
        await intake.run()
        complete = request.headers.get("upload-complete") == "?1" or intake.received == job.size
        if complete:
            await services.received(job, user.get_username())
        else:
            await services.update(job.pk, None, received=intake.received)
        await respond(send, 200, {"job": str(job.pk), "received": intake.received, "complete": complete})


def job_named(text: str) -> UUID:
    """Return the job that a path names. Raises UnknownJob."""
    try:
        return UUID(text)
    except ValueError:
        raise UnknownJob("There is no such job of yours.") from None


async def resumed_upload(request: Request, job: DatasetJob, there: int) -> Intake:
    """Return the intake that goes on with an upload. Raises Mismatch with what is there when the client thinks otherwise,
    and InputTooLarge for more than the job was said to have: it would never be whole."""
    offset = request.number("upload-offset")
    if offset is None:
        raise Unreadable("Say where this part begins: Upload-Offset.", received=there)
    if offset != there:
        raise Mismatch(f"{there} bytes are there: go on from that place.", received=there)
    limit = await asyncio.to_thread(services.room) + there
    if job.size is not None:
        limit = min(limit, job.size)
        if there + (request.number("content-length") or 0) > job.size:
            words = f"This job was said to have {job.size} bytes: send the {job.size - there} that are missing."
            raise InputTooLarge(words, received=there)
    return Intake(request.body, services.folder(job), limit, start=there)


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _open_letter(body: Body) -> tuple[Envelope | None, dict[str, object], bytes]:
    """Return the parameters and the input, whole or (with the envelope that reads on) as far as it has come."""
    begun = bytearray()
    while not body.over and len(begun) < SMALL:
        begun += await body.read()
    if body.over:
        fields, data = await asyncio.to_thread(envelope.parse, bytes(begun))
        return None, fields, data
    letter = Envelope()
    data = await asyncio.to_thread(letter.feed, bytes(begun))
    if not letter.begun:
        raise Unreadable("In a body over 1 MB input_data comes after the parameters and within the first 64 KB.")
    return letter, letter.fields, data


async def take(job: DatasetJob, actor: str, body: Body, intake: Intake | None, begun: bytes) -> None:
    """Take in the rest of the input, then wait until the client leaves, and say so. Raises JobError and ClientGone."""
    if intake is not None:
        await intake.run(begun)
        # Who leaves now has sent everything, and must not be asked for it again.
        await asyncio.shield(services.received(job, actor))
    await body.gone()
    raise ClientGone


async def carry(run: Run, taking: Any) -> None:
    """Run a job while its input is taken in; end it when the client leaves. Raises ClientGone."""
    intake = asyncio.create_task(taking)
    serving = asyncio.create_task(runs.serve(run))
    try:
        await asyncio.wait({intake, serving}, return_when=asyncio.FIRST_COMPLETED)
        if intake.done():
            error = intake.exception()
            if isinstance(error, ClientGone):
                raise error
            if not isinstance(error, JobError):
                log.error("an input could not be taken in", exc_info=error)
                error = JobError("AURA failed while it took in the input. Please tell the operator.")
            run.stop(error)
        await serving
    finally:
        for task in (intake, serving):
            task.cancel()
        await asyncio.gather(intake, serving, return_exceptions=True)


class Events:
    """The answer: an event stream, in the content coding that the client chose."""

    def __init__(self, send: Send, coding: Coding) -> None:
        self._send = send
        self._coding = coding
        self._coder = coding.coder

    async def start(self, headers: Mapping[str, str]) -> None:
        """Send status and headers."""
        fixed = {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            **self._coding.headers,
        }
        await self._send({"type": "http.response.start", "status": 200, "headers": _encoded({**fixed, **headers})})

    async def send(self, data: bytes) -> None:
        """Send events. Returns when the line has room again."""
        large = self._coding.name and len(data) > INLINE_LIMIT
        data = await asyncio.to_thread(self._coder.code, data) if large else self._coder.code(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End the answer."""
        await self._send({"type": "http.response.body", "body": self._coder.end(), "more_body": False})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _error(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **(details or {})}}


async def respond(
    send: Send, status: int, value: Any, retry_after: int | None = None, *, allow: tuple[str, ...] = ()
) -> None:
    """Send an answer that is no stream."""
    data = b"" if value is None else orjson.dumps(value)
    headers = {"Cache-Control": "no-store", "Content-Length": str(len(data))}
    if value is not None:
        headers["Content-Type"] = "application/json"
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if allow:
        headers["Allow"] = ", ".join(allow)
    # The client may be gone already.
    with suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
        await send({"type": "http.response.body", "body": data})


applications = {name: StreamApplication(endpoint) for name, endpoint in ENDPOINTS.items()}
