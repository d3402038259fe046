"""The user's own conversations as JSON, for the chat page."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET

from audit import selectors
from audit.records.transcript import Turn


def _error(message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"message": message}}, status=status)


@require_GET
def conversations(request: HttpRequest) -> HttpResponseBase:
    """Return the list of the user's conversations, the newest first."""
    if not request.user.is_authenticated:
        return _error("Sign in, or send an API key as a bearer token.", 401)
    found = selectors.conversations(request.user)
    items = [{"id": str(c.pk), "title": c.title, "updated_at": c.updated.isoformat()} for c in found]
    return JsonResponse({"conversations": items})


@require_GET
def conversation(request: HttpRequest, identifier: UUID) -> HttpResponseBase:
    """Return one conversation with its turns."""
    if not request.user.is_authenticated:
        return _error("Sign in, or send an API key as a bearer token.", 401)
    found = selectors.conversation(request.user, identifier)
    if found is None:
        return _error("There is no such conversation of yours.", 404)
    turns = [_turn(turn) for turn in selectors.transcript(request.user, identifier)]
    return JsonResponse({"id": str(found.pk), "title": found.title, "turns": turns})


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "role": turn.role,
        "text": turn.text,
        "stream": str(turn.stream),
        "epoch": turn.epoch,
        "next_offset": turn.next_offset,
        "state": turn.state,
        "model": turn.model,
        "tier": turn.tier,
        "cost_nano": turn.cost_nano,
        "first_token_ms": turn.first_token_ms,
        "at": turn.at,
        "text_bytes": turn.text_bytes,
        "wire_bytes": turn.wire_bytes,
        "methods": turn.methods,
        "fault": turn.fault,
    }
