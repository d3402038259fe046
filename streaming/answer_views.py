"""What is known of one answer, as JSON, and conversations that somebody shared, as a page."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit import selectors as record
from audit.errors import NotFound
from audit.proofs import StreamProof, prove_stream
from audit.views import for_users, turn_form
from routing_ai import selectors as routing
from routing_ai.wording import in_words
from streaming.strings import chat_strings

# Entries that are proven at once: each takes a hash for every doubling of the record.
PROVEN = 64


@require_GET
@for_users
def answer(request: HttpRequest, stream: UUID) -> HttpResponseBase:
    """Return an answer of the user with why its tier was chosen, and the proof of its entries once it has ended."""
    turn = record.answer(request.user, stream)
    if turn is None:
        raise NotFound("there is no such answer of yours")
    proof = prove_stream(request.user, stream, PROVEN) if turn.state != "open" else None
    reason = in_words(routing.reason_of(request.user, stream))
    return JsonResponse({"turn": turn_form(turn), "reason": reason, "proof": _proof_form(proof) if proof else None})


def _proof_form(proof: StreamProof) -> dict[str, Any]:
    return {
        "note": proof.note,
        "size": proof.head.size,
        "root": proof.head.root.hex(),
        "at": proof.head.at,
        "all": proof.all,
        "entries": [
            {"sequence": sequence, "hash": value.hex(), "proof": [one.hex() for one in hashes]}
            for sequence, value, hashes in proof.entries
        ],
    }


@login_required
@require_GET
def shared_page(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """Return the page at `/shared/ID`; its script asks for the conversation, which logs the look."""
    return render(request, "streaming/shared.html", {"strings": chat_strings(), "identifier": identifier})
