"""HTTP for topics: publish, look, and subscribe as an event stream."""

import secrets
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET, require_http_methods

from streaming import coded, subscriptions
from streaming.asgi import when_over
from streaming.errors import Malformed, TooLarge
from streaming.hub import hub
from streaming.protocol import frames
from streaming.protocol.codes import Reliability
from streaming.transports.sse import Position
from streaming.transports.topic_sse import TopicFeed
from streaming.views import KEY_LIMIT, for_users

_RELIABILITY = {kind.name.lower(): kind for kind in (Reliability.EXACTLY_ONCE, Reliability.AT_MOST_ONCE)}


@require_http_methods(["GET", "POST"])
@for_users
async def topic(request: HttpRequest, user: Any, name: str) -> HttpResponseBase:
    """Publish an event (POST), or say what there is (GET)."""
    if request.method == "POST":
        return await _publish(request, user, name)
    found = await hub.topic(name, user.pk)
    return JsonResponse(
        {
            "topic": name,
            "epoch": found.epoch,
            "offset": found.next_offset,
            "present": await hub.present(found),
        }
    )


async def _publish(request: HttpRequest, user: Any, name: str) -> HttpResponseBase:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_LIMIT:
        raise TooLarge(f"an Idempotency-Key has at most {KEY_LIMIT} characters")
    identifier = uuid5(UUID(int=user.pk), key).bytes if key else secrets.token_bytes(16)
    try:
        kind, data = subscriptions.parse_event(request.body)
    except RequestDataTooBig:
        raise TooLarge(f"an event has at most {settings.STREAMING_EVENT_LIMIT} bytes") from None
    found, offset = await hub.publish(name, user, identifier, kind, data)
    return JsonResponse({"topic": name, "epoch": found.epoch, "offset": offset}, status=201)


@require_GET
@for_users
async def topic_events(request: Any, user: Any, name: str) -> HttpResponseBase:
    """Answer with the events of a topic as Server-Sent Events: from now on, or from `?offset=`, or Last-Event-ID."""
    epoch = offset = 0
    last = request.headers.get("Last-Event-ID") or request.GET.get("last_event_id", "")
    try:
        if last:
            position = Position.parse(last)
            epoch, offset = position.epoch, position.offset
        elif "offset" in request.GET:
            epoch, offset = 1, int(request.GET["offset"])
            if offset < 0:
                raise ValueError
        # At least once needs acknowledgements, and an event stream has no way back.
        reliability = _RELIABILITY[request.GET.get("reliability", "exactly_once").lower()]
    except (KeyError, ValueError):
        raise Malformed("offset is a number from 0 on, reliability exactly_once or at_most_once") from None
    wanted = frames.Resume(1, b"", epoch, offset, name, request.GET.get("filter", ""))
    found = await subscriptions.subscribe(user, wanted, reliability)
    when_over(request.scope, partial(found.release, leaving=True))
    coding = coded.chosen_for_many(request.scope)
    feed = TopicFeed(found, user, name, settings.STREAMING_HEARTBEAT_INTERVAL, coding.coder)
    return coded.streamed(feed.run(), "text/event-stream; charset=utf-8", coding)
