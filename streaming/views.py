"""HTTP: the chat page, answers as responses and event streams, and the statistics."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from audit.errors import AuditError
from compression import selectors as compression
from routing_ai import selectors as models
from routing_ai.errors import RoutingError
from streaming import chat, coded, identity, selectors
from streaming.asgi import when_over
from streaming.errors import EmptyPrompt, Refused, StreamingError, TooLarge, UnknownStream
from streaming.identifiers import new_identifier
from streaming.messages import KEY_LIMIT, Message, stream_name
from streaming.modules import imported
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import FaultCode, Mode, Priority
from streaming.protocol.pictures import LIMIT as PICTURES
from streaming.recorded import RecordedStream
from streaming.speech.engines import engines
from streaming.streams import Stream
from streaming.strings import chat_strings, console_strings
from streaming.transports import http
from streaming.transports.sse import Position, SseFeed

View = Callable[..., Any]

STATUS = {
    FaultCode.UNKNOWN_STREAM: 404,
    FaultCode.NO_MODEL: 404,
    FaultCode.CONFLICT: 409,
    FaultCode.RESUME_IMPOSSIBLE: 410,
    FaultCode.TOO_LARGE: 413,
    FaultCode.EMPTY_PROMPT: 422,
    FaultCode.MALFORMED: 422,
    FaultCode.TOO_MANY_STREAMS: 429,
    FaultCode.RATE_LIMITED: 429,
    FaultCode.BUDGET_EXHAUSTED: 429,
    FaultCode.OVERLOADED: 503,
    FaultCode.NOT_ALLOWED: 403,
}


@login_required
@ensure_csrf_cookie
@require_GET
def chat_page(request: HttpRequest) -> HttpResponse:
    """Return the page at `/`."""
    missing = bool(engines.missing())
    install = _("Speech is not understood on this server: install its engines (docs/how-to/voice.md).")
    # Who can do something about it is told what is missing; others are not shown what they cannot have.
    voice = not missing or getattr(request.user, "is_staff", False)
    shown = {
        "strings": chat_strings(),
        "voice": voice,
        "voice_missing": install if missing and voice else "",
        "modules": imported("aura/chat/main.js"),
        "message_limit": settings.STREAMING_MESSAGE_LIMIT,
        "picture_limit": PICTURES if models.sees_pictures() else 0,
    }
    return render(request, "streaming/chat.html", shown)


@login_required
@ensure_csrf_cookie
@require_GET
def console_page(request: HttpRequest) -> HttpResponse:
    """Return the page at `/console/`."""
    return render(request, "streaming/console.html", {"strings": console_strings()})


def error_response(code: FaultCode, message: str, status: int, retry_after: float | None = None) -> JsonResponse:
    """Return an error as JSON: `{"error": {"code", "message"}}`."""
    response = JsonResponse({"error": {"code": code.label, "message": message}}, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(max(1, round(retry_after)))
    return response


def for_users(view: View) -> View:
    """Call the view with the request and its user, or answer 401; turn the app's errors into JSON."""

    @wraps(view)
    async def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        user = await identity.user_of_request(request)
        if user is None:
            response = error_response(FaultCode.NOT_ALLOWED, "Sign in, or send an API key as a bearer token.", 401)
            response["WWW-Authenticate"] = "Bearer"
            return response
        try:
            return await view(request, user, **kwargs)
        except StreamingError as error:
            return error_response(error.code, str(error), STATUS.get(error.code, 400), error.retry_after)
        except RoutingError as error:
            code = FaultCode.named(error.code)
            return error_response(code, str(error), STATUS.get(code, 400), error.retry_after)
        except AuditError as error:
            code = FaultCode.named(getattr(error, "code", ""))
            return error_response(code, str(error), STATUS.get(code, 503))

    return wrapped


@require_GET
@for_users
async def stream_chat(request: Any, user: Any) -> HttpResponseBase:
    """Answer `?q=` as Server-Sent Events; `Last-Event-ID` (or `?last_event_id=`) goes on where a line broke.

    With an `Idempotency-Key` the same request again gives the same answer, for a line that breaks before its first event.
    """
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return error_response(FaultCode.NOT_ALLOWED, "Another site may not ask in your name.", 403)
    last = request.headers.get("Last-Event-ID") or request.GET.get("last_event_id", "")
    coding = await coded.chosen(request.scope)
    if last:
        return await _resumed(request, user, last, coding)
    question = request.GET.get("q", "")
    if not question.strip():
        raise EmptyPrompt("ask something: ?q=your question")
    message = Message(
        user_id=user.pk,
        actor=user.get_username(),
        conversation=_uuid(request.GET.get("conversation", "")),
        stream=_stream_name(user, request.headers.get("Idempotency-Key", "")),
        text=question,
        model=_model(request.GET.get("model", "")),
        meta={"method": "raw", "text_bytes": len(question.encode()), "wire_bytes": len(question.encode())},
        priority=priority_of(request),
        after=_place(request.GET.get("after", "")),
    )
    stream = await _asked(request, message, user)
    return await _event_stream(stream, replace(message, conversation=stream.conversation), 0, coding)


def priority_of(request: HttpRequest) -> Priority:
    """Return the priority that the header `Priority` asks for (RFC 9218): urgency 0 to 2, 3, and 4 to 7."""
    found = re.search(r"(?:^|[,\s])u=([0-7])(?:[,;\s]|$)", request.headers.get("Priority", ""))
    urgency = int(found[1]) if found else 3
    return Priority.NORMAL if urgency == 3 else Priority.URGENT if urgency < 3 else Priority.BULK


def _uuid(text: str, name: str = "conversation") -> UUID:
    try:
        return UUID(text) if text else new_identifier()
    except ValueError:
        raise UnknownStream(f"{name}: not a UUID") from None


def _model(name: str) -> str:
    """Return what is asked for. Raises NoModel while the status can still say so."""
    models.check(name)
    return name


async def _asked(request: Any, message: Message, user: Any, *, lasting: bool = True) -> Stream | RecordedStream:
    """Ask, and return the answer when a model is asked. Raises Refused while the status can still say so. A client that
    leaves, now or before the answer is read, may come back if it is `lasting`."""
    stream = await chat.ask(message, user)
    when_over(request.scope, partial(stream.release, leaving=not lasting))
    fault = await stream.refusal()
    # Other faults may pass: clients read them as events, and ask again.
    if fault is not None and fault.code in (FaultCode.NO_MODEL, FaultCode.BUDGET_EXHAUSTED):
        raise Refused(fault.message, fault.code, fault.retry_after / 1000 or None)
    return stream


def _mode(name: str) -> Mode:
    try:
        return Mode[name.upper()]
    except KeyError:
        raise ValueError(f"mode is one of {', '.join(mode.name.lower() for mode in Mode)}") from None


def _place(text: str) -> UUID | None:
    """Return the stream of the question to stand behind, None for behind the newest."""
    return _uuid(text, "after") if text else None


async def _resumed(request: Any, user: Any, last: str, coding: coded.Coding) -> HttpResponseBase:
    try:
        position = Position.parse(last)
    except ValueError:
        return error_response(FaultCode.MALFORMED, "Last-Event-ID is not an id of ours.", 422)
    stream = await chat.find(user, position.stream)
    if stream is None:
        raise UnknownStream("there is no such answer of yours")
    when_over(request.scope, partial(stream.release, leaving=False))
    stream.check(position.offset, position.epoch)
    if stream.ended and position.offset == stream.next_offset:
        # All has been read: 204 tells an EventSource not to come back.
        return HttpResponse(status=204)
    message = Message(user.pk, user.get_username(), stream.conversation, stream.name, "")
    return await _event_stream(stream, message, position.offset, coding)


async def _event_stream(
    stream: Stream | RecordedStream, message: Message, offset: int, coding: coded.Coding
) -> StreamingHttpResponse:
    codec = SessionCodec(settings.STREAMING_MESSAGE_LIMIT)
    codec.use(1, await compression.active_library_async())
    feed = SseFeed(stream, message, codec, settings.STREAMING_HEARTBEAT_INTERVAL, coding.coder)
    return coded.streamed(feed.run(offset), "text/event-stream; charset=utf-8", coding)


@require_POST
@for_users
async def ai_chat(request: Any, user: Any) -> HttpResponseBase:
    """Answer a question with a streamed response: plain text, NDJSON or frames by `Accept`.

    The body is JSON (`text`, and if wanted `conversation`, `model`) or plain text. With an `Idempotency-Key` the same
    request again gives the same answer, from its beginning, and asks no model twice.
    """
    form = http.choose(request.headers.get("Accept", ""))
    if not form:
        accepted = f"Accept one of {http.PLAIN}, {http.NDJSON}, {http.FRAMES}."
        return error_response(FaultCode.MALFORMED, accepted, 406)
    try:
        mode = _mode(request.GET.get("mode", "sentence"))
        asked = _question(request)
    except ValueError as error:
        return error_response(FaultCode.MALFORMED, f"This request makes no sense: {error}", 422)
    message = Message(
        user_id=user.pk,
        actor=user.get_username(),
        conversation=_uuid(asked.get("conversation", "")),
        stream=_stream_name(user, request.headers.get("Idempotency-Key", "")),
        text=asked.get("text", ""),
        model=_model(asked.get("model", "")),
        meta={"method": "raw", "text_bytes": len(asked.get("text", "").encode()), "wire_bytes": len(request.body)},
        priority=priority_of(request),
        after=_place(asked.get("after", "")),
    )
    codec = SessionCodec(settings.STREAMING_MESSAGE_LIMIT)
    library = await compression.active_library_async()
    if request.headers.get("AURA-Library", "") == library.hash:
        codec.use(1, library)
    lasting = "Idempotency-Key" in request.headers
    stream = await _asked(request, message, user, lasting=lasting)
    message = replace(message, conversation=stream.conversation)
    # AURA's frames are coded already, better than any of these could.
    coding = coded.plain() if form == http.FRAMES else await coded.chosen(request.scope)
    feed = http.HttpFeed(stream, message, codec, mode, lasting=lasting, coder=coding.coder)
    response = coded.streamed(feed.run(form), _CONTENT_TYPES[form], coding)
    response["AURA-Stream"] = str(stream.name)
    response["AURA-Conversation"] = str(stream.conversation)
    return response


_CONTENT_TYPES = {http.PLAIN: "text/plain; charset=utf-8", http.NDJSON: http.NDJSON, http.FRAMES: http.FRAMES}


def _question(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a question. Raises ValueError for a body that is none, TooLarge."""
    try:
        body = request.body
    except RequestDataTooBig:
        raise TooLarge(f"a message has at most {settings.STREAMING_MESSAGE_LIMIT} bytes") from None
    if request.content_type == "text/plain":
        return {"text": body.decode()}
    if request.content_type != "application/json":
        raise ValueError("send application/json or text/plain")
    data = orjson.loads(body)
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ValueError('send an object of strings: {"text": "..."}')
    for value in data.values():
        value.encode()  # half a character (a lone surrogate) is a ValueError here
    return data


def _stream_name(user: Any, key: str) -> UUID:
    if len(key) > KEY_LIMIT:
        raise TooLarge(f"an Idempotency-Key has at most {KEY_LIMIT} characters")
    return stream_name(user.pk, key)


@require_GET
@for_users
async def stats(_request: HttpRequest, _user: Any) -> HttpResponseBase:
    """Return the counts of this process."""
    return JsonResponse(selectors.stats())


@require_GET
@for_users
async def sessions(_request: HttpRequest, user: Any) -> HttpResponseBase:
    """Return the open sessions: those of the user, all of them for staff."""
    return JsonResponse({"sessions": selectors.sessions(None if user.is_staff else user.pk)})
