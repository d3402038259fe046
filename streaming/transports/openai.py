"""OpenAI's API: `POST /v1/chat/completions` and `GET /v1/models`, for any client that speaks it.

An ASGI application of its own: it needs no session, cookie or form of Django's, and their middleware would cost a call more
than everything else. What it answers comes out of the stream core, like every other answer: recorded, budgeted, routed.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from audit.errors import AuditError
from routing_ai import selectors as models
from routing_ai.errors import RoutingError
from routing_ai.services import CacheControl
from streaming import chat, identity
from streaming.asgi import Headers, Receive, Scope, Send
from streaming.errors import StreamingError
from streaming.flow.events import StreamChunk, StreamDone, StreamFault
from streaming.identifiers import new_identifier
from streaming.messages import Message
from streaming.protocol import openai_form as form
from streaming.protocol.codes import FaultCode
from streaming.streams import Stream

log = logging.getLogger(__name__)

PREFIX = "/v1"
# Bytes of events that are sent together at most.
TOGETHER = 16_384
# Bytes of a body above which it is read by a thread.
LARGE = 65_536
_NO_KEY = "Send an API key as a bearer token: make one with ./aura createkey NAME."


class Left(Exception):
    """The client has gone before its request was whole."""


class Refused(Exception):
    """An error to be answered, with its status."""

    def __init__(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or []


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request; it ends at once when its client leaves, and with it the call of the model."""
    if scope["method"] == "HEAD":
        send = _without_body(send)
    try:
        _check_host(scope)
        user = await identity.user_of({**scope, "user": None}, narrowed=True)
        # Of who has no key nothing is kept, or strangers could fill the memory.
        body = await _body(receive, keep=user is not None)
    except Left:
        return
    except Refused as refused:
        await _send(send, refused.status, refused.body, refused.headers)
        return
    except Exception:
        await _failed(send)
        return
    work = asyncio.ensure_future(_respond(scope, user, body, send))
    gone = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not work.done():
            work.cancel()
        await asyncio.wait({work, gone})
    if not work.cancelled():
        work.result()


def _without_body(send: Send) -> Send:
    async def sending(message: dict[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


def _check_host(scope: Scope) -> None:
    """Raise Refused for a request to a host that is none of AURA_ALLOWED_HOSTS, as Django does: a page of another name that
    leads here is another site."""
    # One that is named twice is none.
    host = b",".join(value for name, value in scope["headers"] if name == b"host").decode("latin-1")
    domain, _ = split_domain_port(host)
    if host and not (domain and validate_host(domain, settings.ALLOWED_HOSTS)):
        words = "This server does not answer to the name that it was asked by: AURA_ALLOWED_HOSTS lists those it does."
        raise Refused(400, form.error(FaultCode.MALFORMED, words))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive, *, keep: bool) -> bytes:
    limit = settings.STREAMING_REQUEST_LIMIT
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            error = form.error(FaultCode.TOO_LARGE, f"A request has at most {limit} bytes.")
            # The rest is not read.
            raise Refused(413, error, [(b"connection", b"close")])
        if keep:
            parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _respond(scope: Scope, user: Any, body: bytes, send: Send) -> None:
    sending = _Sending(send)
    try:
        await _answer(scope, user, body, sending)
    except Exception:
        # A client of this API reads errors as JSON; who has half an answer sees it break off.
        if sending.begun:
            raise
        await _failed(send)


async def _failed(send: Send) -> None:
    log.exception("a request failed")
    await _send(send, 500, form.error(FaultCode.INTERNAL, "AURA failed at this; its log says why."))


class _Sending:
    """`send` that knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: dict[str, Any]) -> None:
        self.begun = True
        await self._send(message)


async def _answer(scope: Scope, user: Any, body: bytes, send: Send) -> None:
    try:
        if user is None:
            given = dict(scope["headers"]).get(b"authorization", b"")[:7].lower() == b"bearer "
            words = identity.WRONG_KEY if given else _NO_KEY
            error = form.error(FaultCode.NOT_ALLOWED, words).replace(b"permission_denied", b"invalid_api_key")
            raise Refused(401, error, [(b"www-authenticate", b"Bearer")])
        # HEAD is answered as GET, without the body (RFC 9110, 9.3.2).
        match scope["method"].replace("HEAD", "GET"), scope["path"].rstrip("/"):
            case "POST", "/v1/chat/completions":
                await _complete(scope, body, user, send)
            case "GET", "/v1/models":
                _need(user, "models")
                await _send(send, 200, _models(user))
            case "GET", path if path.startswith("/v1/models/"):
                _need(user, "models")
                await _send(send, 200, _model(user, path.removeprefix("/v1/models/")))
            case method, path:
                allowed = _method(path)
                if allowed:
                    words = f"Ask {path} with {allowed}."
                    methods = allowed.replace("GET", "GET, HEAD").encode()
                    raise Refused(405, form.error(FaultCode.MALFORMED, words), [(b"allow", methods)])
                raise Refused(404, form.error(FaultCode.UNKNOWN_STREAM, f"There is no {method} {path} here: {_HERE}."))
    except Refused as refused:
        await _send(send, refused.status, refused.body, refused.headers)
    except form.BadRequest as error:
        await _send(send, 400, form.error(FaultCode.MALFORMED, str(error), error.param))
    except RoutingError as error:
        await _refuse(send, FaultCode.named(error.code), str(error), error.retry_after)
    except StreamingError as error:
        await _refuse(send, error.code, str(error), error.retry_after)
    except AuditError as error:
        log.warning("a request was refused: %s", error)
        await _refuse(send, FaultCode.named(getattr(error, "code", "")), str(error), None)


_HERE = "POST /v1/chat/completions, GET /v1/models and GET /v1/models/NAME are"


def _method(path: str) -> str:
    """Return the method that a path is for, nothing for no path of ours."""
    if path == "/v1/chat/completions":
        return "POST"
    return "GET" if path == "/v1/models" or path.startswith("/v1/models/") else ""


def _need(user: Any, scope: str) -> None:
    if not user.credential.may(scope):
        words = f"This API key is not good for that: its scope lacks {scope}."
        raise Refused(403, form.error(FaultCode.NOT_ALLOWED, words))


async def _refuse(send: Send, code: FaultCode, message: str, retry_after: float | None) -> None:
    headers: Headers = []
    if retry_after:
        headers.append((b"retry-after", str(max(1, round(retry_after))).encode()))
    if code in _TRIED:
        headers.append((b"x-should-retry", b"false"))
    await _send(send, form.status_of(code), form.error(code, message), headers)


# AURA has tried again itself, or it would be in vain; the openai client would try twice more.
_TRIED = {FaultCode.PROVIDER_FAILED, FaultCode.PROVIDER_CUT, FaultCode.PROVIDER_TIMEOUT, FaultCode.BUDGET_EXHAUSTED}


async def _send(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = [(b"content-type", b"application/json"), length, *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


# -- models ------------------------------------------------------------------------------------------------------------


def _models(user: Any) -> bytes:
    listed = [_described(name, about) for name, about in models.choices().items() if user.credential.may_ask(name)]
    return orjson.dumps({"object": "list", "data": listed})


def _model(user: Any, name: str) -> bytes:
    about = models.choices().get(name)
    if about is None or not user.credential.may_ask(name):
        raise Refused(
            404,
            form.error(
                FaultCode.NO_MODEL,
                f"There is no model {name[: form.NAME_LIMIT]}: GET /v1/models lists those there are.",
            ),
        )
    return orjson.dumps(_described(name, about))


def _described(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": about.get("provider", "aura"), "aura": about}


# -- completions -------------------------------------------------------------------------------------------------------


async def _complete(scope: Scope, body: bytes, user: Any, send: Send) -> None:
    _need(user, "chat")
    asked = await asyncio.to_thread(form.parse, body) if len(body) > LARGE else form.parse(body)
    if not user.credential.may_ask(asked.model):
        words = f"This API key may not ask {asked.model or 'auto'}."
        raise Refused(403, form.error(FaultCode.NOT_ALLOWED, words, "model"))
    headers = dict(scope["headers"])
    message = Message(
        user_id=user.pk,
        actor=user.get_username(),
        conversation=_conversation(headers.get(b"aura-conversation", b"")),
        stream=new_identifier(),
        text=asked.text,
        model=asked.model,
        meta={"transport": "openai", "key": user.credential.number, **asked.record},
        by_program=True,
    )
    wanted = chat.Wanted(
        messages=asked.messages,
        max_tokens=asked.max_tokens or settings.AURA_MAX_TOKENS,
        temperature=asked.temperature,
        extra=asked.extra,
        key_id=user.credential.number,
        hedge_after=_seconds(headers.get(b"aura-hedge-after", b"")),
        cache=_cache(headers.get(b"cache-control", b"")),
        only=user.credential.models,
    )
    estimate = len(body) // 4 + wanted.max_tokens
    user.credential.admit(estimate)
    answer = _Answer(asked, message, send)
    try:
        await answer.run(await chat.ask_for(message, user, wanted))
    finally:
        user.credential.used(estimate, answer.tokens)


def _conversation(given: bytes) -> UUID:
    try:
        return UUID(given.decode()) if given else new_identifier()
    except ValueError:
        raise form.BadRequest("The header AURA-Conversation is not a UUID.") from None


def _cache(given: bytes) -> CacheControl | None:
    return CacheControl.parse(given.decode("latin-1")) if given else None


def _seconds(given: bytes) -> float | None:
    try:
        return max(0.0, float(given)) if given else None
    except ValueError:
        raise form.BadRequest("The header AURA-Hedge-After is a number of seconds.") from None


class _Answer:
    """Sends one stream to one client."""

    def __init__(self, asked: form.Asked, message: Message, send: Send) -> None:
        self._asked = asked
        self._message = message
        self._send = send
        self._created = int(time.time())
        self._model = asked.model or "auto"
        self._started = False
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._held: list[bytes] = []
        self.tokens = 0

    @cached_property
    def _writer(self) -> form.Writer:
        """Return what writes the answer, made when the model that gives it is known."""
        return form.Writer(f"chatcmpl-{self._message.stream.hex}", self._created, self._model)

    async def run(self, stream: Stream) -> None:
        """Send the answer to its end; leaving ends the stream."""
        try:
            async with aclosing(stream.read()) as events:
                async for event in events:
                    self._model = stream.model or self._model
                    await self._take(stream, event)
        finally:
            stream.release(leaving=True)

    async def _take(self, stream: Stream, event: StreamChunk | StreamDone | StreamFault) -> None:
        match event:
            case StreamChunk():
                if stream.tools_from is not None and event.offset >= stream.tools_from:
                    return
                refused = stream.refused_from is not None and event.offset >= stream.refused_from
                if self._asked.stream:
                    self._held.append(self._writer.text(event.text, refusal=refused))
                    # With events that are there already: each sending costs more than making an event does.
                    if event.offset + 1 == stream.next_offset or sum(map(len, self._held)) > TOGETHER:
                        await self._event()
                else:
                    (self._refusals if refused else self._texts).append(event.text)
            case StreamDone():
                await self._done(stream, event)
            case StreamFault():
                await self._fault(event)

    async def _done(self, stream: Stream, event: StreamDone) -> None:
        usage = form.usage_of(event.prompt_tokens, event.completion_tokens)
        self.tokens = usage["total_tokens"]
        about = {"model": event.model, "tier": event.tier, "cost_usd": f"{event.cost / 10**9:.9f}"}
        if self._asked.stream:
            counted = usage if self._asked.include_usage else None
            await self._event(self._writer.end(event.finish, stream.tool_calls, counted, about), last=True)
            return
        text, refusal = "".join(self._texts), "".join(self._refusals)
        body = self._writer.whole(text, refusal, event.finish, stream.tool_calls, usage, about)
        await _send(self._send, 200, body, self._names())

    async def _fault(self, event: StreamFault) -> None:
        if not self._started and not self._held:
            if event.code == FaultCode.TOO_LARGE:
                await _send(self._send, 400, form.too_long(event.message))
            else:
                await _refuse(self._send, event.code, event.message, event.retry_after / 1000)
            return
        # The status has long been sent: an error event, and no [DONE] behind it, so that nobody takes this for an end.
        await self._event(b"data: " + form.error(event.code, event.message) + b"\n\n", last=True)

    async def _event(self, data: bytes = b"", *, last: bool = False) -> None:
        if not self._started:
            self._started = True
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
            headers += [(b"x-accel-buffering", b"no"), *self._names()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        held, self._held = self._held, []
        await self._send({"type": "http.response.body", "body": b"".join([*held, data]), "more_body": not last})

    def _names(self) -> Headers:
        return [
            (b"aura-stream", str(self._message.stream).encode()),
            (b"aura-conversation", str(self._message.conversation).encode()),
        ]
