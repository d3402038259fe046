"""Signalling of WebRTC over HTTP: an offer, its answer, and the servers that help peers to meet."""

import asyncio
import sys
from importlib import import_module
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from streaming.protocol.codes import FaultCode
from streaming.protocol.offers import OFFER_LIMIT
from streaming.views import error_response, for_users

_TRANSPORT = "streaming.transports.webrtc"
MISSING = "This server does not speak WebRTC: install it with pip install -r requirements-webrtc.txt, and start again."


@require_GET
@for_users
async def ice_servers(_request: HttpRequest, _user: Any) -> HttpResponseBase:
    """Return the ICE servers that a peer should use."""
    response = JsonResponse({"ice_servers": settings.AURA_ICE_SERVERS})
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@for_users
async def offer(request: HttpRequest, user: Any) -> HttpResponseBase:
    """Answer an offer (`{"type": "offer", "sdp": "..."}`) with the description of a peer that waits for the client."""
    try:
        sdp = _sdp(request)
        # 0.8 s of importing, and never on the loop.
        transport = await asyncio.to_thread(import_module, _TRANSPORT)
        answer = await transport.peers.answer(user, sdp)
    except ValueError as error:
        return error_response(FaultCode.MALFORMED, str(error), 422)
    except ModuleNotFoundError:
        return error_response(FaultCode.INTERNAL, MISSING, 501)
    return JsonResponse({"type": "answer", "sdp": answer})


def _sdp(request: HttpRequest) -> str:
    """Return the offer. Raises ValueError for a body that is none."""
    try:
        body = request.body
    except RequestDataTooBig:
        body = b" " * (4 * OFFER_LIMIT + 1)
    if len(body) > 4 * OFFER_LIMIT:
        raise ValueError(f"an offer has at most {OFFER_LIMIT} characters")
    data = orjson.loads(body)
    if not isinstance(data, dict) or data.get("type") != "offer" or not isinstance(data.get("sdp"), str):
        raise ValueError('send an offer as JSON: {"type": "offer", "sdp": "v=0..."}')
    return str(data["sdp"])


async def shutdown() -> None:
    """End the peers of this process, if there ever were any."""
    transport = sys.modules.get(_TRANSPORT)
    if transport is not None:
        await transport.peers.close()
