"""The user's own conversations, and links to others', as JSON for the chat page."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods

from audit import listing, search, selectors, sharing
from audit.errors import AuditError, NotAllowed, NotFound
from audit.models import Conversation, Share
from audit.records.transcript import Turn

View = Callable[..., HttpResponseBase]

# Letters of a search that count.
SEARCH_LIMIT = 200
PAGE = 100


# The status of an error's code; all else is the record's own trouble, which passes.
_STATUS = {NotAllowed.code: 403, NotFound.code: 404}


def _error(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


def for_users(view: View) -> View:
    """Call the view for who is signed in, else answer 401; turn the record's errors into JSON."""

    @wraps(view)
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _error("not_allowed", "Sign in, or send an API key as a bearer token.", 401)
        try:
            return view(request, **kwargs)
        except AuditError as error:
            return _error(error.code, str(error), _STATUS.get(error.code, 503))

    return wrapped


@require_GET
@for_users
def conversations(request: HttpRequest) -> HttpResponseBase:
    """Return the list of the user's conversations, the newest first: `?q=` searches, `?before=` goes on behind a page."""
    try:
        before = _time(request.GET.get("before", ""))
    except ValueError:
        return _error("malformed", "before: not a time with its zone (ISO 8601)", 422)
    text = request.GET.get("q", "")[:SEARCH_LIMIT]
    if text.strip():
        found = search.on_list(request.user, text, PAGE)
        return JsonResponse({"conversations": [_item(one) for one in found], "more": False})
    listed = selectors.conversations(request.user, PAGE + 1, before)
    return JsonResponse({"conversations": [_item(one) for one in listed[:PAGE]], "more": len(listed) > PAGE})


@require_http_methods(["GET", "PATCH"])
@for_users
def conversation(request: HttpRequest, identifier: UUID) -> HttpResponseBase:
    """Return one conversation with its turns. PATCH gives it a `title`, or takes it off the list (`listed`)."""
    if request.method == "PATCH":
        try:
            title, listed = _wishes(request)
        except (ValueError, RecursionError, RequestDataTooBig):
            return _error("malformed", 'send {"title": "..."} or {"listed": true or false}', 422)
        if title is not None:
            listing.rename(request.user, identifier, title)
        if listed is not None:
            (listing.restore if listed else listing.shelve)(request.user, identifier)
    found = selectors.conversation(request.user, identifier)
    if found is None:
        raise NotFound("there is no such conversation of yours")
    if request.method == "PATCH":
        return JsonResponse(_item(found))
    turns = [turn_form(turn) for turn in selectors.transcript(request.user, identifier)]
    return JsonResponse({"id": str(found.pk), "title": found.title, "turns": turns})


@require_http_methods(["GET", "POST"])
@for_users
def shares(request: HttpRequest, identifier: UUID) -> HttpResponseBase:
    """Return the links to a conversation of the user that count; POST makes one."""
    if selectors.conversation(request.user, identifier) is None:
        raise NotFound("there is no such conversation of yours")
    if request.method == "POST":
        return JsonResponse(_link(sharing.share(request.user, identifier)), status=201)
    return JsonResponse({"shares": [_link(one) for one in sharing.standing(identifier)]})


@require_http_methods(["GET", "DELETE"])
@for_users
def share(request: HttpRequest, identifier: UUID) -> HttpResponseBase:
    """Return the conversation of a link, once the look is on the ledger. DELETE revokes a link of the user's own."""
    if request.method == "DELETE":
        sharing.revoke(request.user, identifier)
        return JsonResponse({"revoked": True})
    found, turns = sharing.read(request.user, identifier)
    by = found.user.get_username() if found.user else ""
    return JsonResponse({"title": found.title, "by": by, "turns": [turn_form(turn) for turn in turns]})


def _time(text: str) -> datetime | None:
    """Return the time of an ISO 8601 text, None for an empty one. Raises ValueError."""
    if not text:
        return None
    found = parse_datetime(text)
    if found is None or found.tzinfo is None:
        raise ValueError(text)
    return found


def _wishes(request: HttpRequest) -> tuple[str | None, bool | None]:
    """Return the title and the place that a PATCH asks for. Raises ValueError for a body that asks for neither."""
    body = json.loads(request.body)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    title, listed = body.get("title"), body.get("listed")
    if not isinstance(title, str | None) or not isinstance(listed, bool | None) or (title is None and listed is None):
        raise ValueError("nothing to do")
    (title or "").encode()  # half a character (a lone surrogate) is a ValueError here
    return title, listed


def _item(found: Conversation) -> dict[str, Any]:
    return {"id": str(found.pk), "title": found.title, "updated_at": found.updated.isoformat()}


def _link(found: Share) -> dict[str, Any]:
    return {"id": str(found.pk), "path": f"/shared/{found.pk}", "made_at": found.made.isoformat()}


def turn_form(turn: Turn) -> dict[str, Any]:
    """Return a turn as the pages get it."""
    return {
        "role": turn.role,
        "text": turn.text,
        "stream": str(turn.stream),
        "after": str(turn.after) if turn.after is not None else None,
        "epoch": turn.epoch,
        "next_offset": turn.next_offset,
        "state": turn.state,
        "finish": turn.finish,
        "model": turn.model,
        "tier": turn.tier,
        "cost_nano": turn.cost_nano,
        "prompt_tokens": turn.prompt_tokens,
        "completion_tokens": turn.completion_tokens,
        "first_token_ms": turn.first_token_ms,
        "duration_ms": turn.duration_ms,
        "at": turn.at,
        "text_bytes": turn.text_bytes,
        "wire_bytes": turn.wire_bytes,
        "methods": turn.methods,
        "fault": turn.fault,
        "fault_code": turn.fault_code,
    }
