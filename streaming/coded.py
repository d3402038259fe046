"""Streamed answers in the content coding that their client asks for: the one place where that is decided.

The shell around `streaming.transports.content_coding`.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from django.http import StreamingHttpResponse
from django.urls import reverse

from compression import selectors as compression
from compression.codec import default_library
from compression.negotiation import WITH_DICTIONARY, negotiated, weights
from streaming import identity
from streaming.transports import content_coding
from streaming.transports.content_coding import EVENTS, ISOLATED, Coder, Dictionary, Identity
from streaming.transports.sse import with_heartbeats

# What the coding of an answer depends on.
VARY = "Accept-Encoding, Available-Dictionary"
# Dictionaries that are prepared for coders, each with its prepared forms (some times its size).
PREPARED = 4


@dataclass(frozen=True)
class Coding:
    """How an answer is coded: by `coder`, and said by `headers`."""

    name: str = ""
    coder: Coder = field(default_factory=Identity)
    headers: Mapping[str, str] = field(default_factory=dict)


def plain() -> Coding:
    """Return no coding, for an answer that is as small as it gets already."""
    return Coding()


async def chosen(scope: Mapping[str, Any], offered: tuple[str, ...] = EVENTS) -> Coding:
    """Return the coding of a streamed answer to a request, from the headers of its ASGI scope."""
    headers = _headers(scope)
    if not _unexposed(scope, headers):
        return Coding(headers={"Vary": VARY})
    accept = headers.get("accept-encoding", "")
    can = [name for name in content_coding.supported() if name in offered]
    wished = weights(accept)
    more = {}
    dictionary = None
    if any(wished.get(name) for name in WITH_DICTIONARY if name in can):
        dictionary = await _dictionary(headers)
        if dictionary is None:
            more["Link"] = await _link()
    if dictionary is None:
        can = [name for name in can if name not in WITH_DICTIONARY]
    name = negotiated(accept, sorted(can, key=offered.index))
    return Coding(name, content_coding.coder(name, dictionary), _said(name) | more)


def chosen_for_many(scope: Mapping[str, Any]) -> Coding:
    """The same for a stream with the words of several people: each piece is coded by itself."""
    headers = _headers(scope)
    if not _unexposed(scope, headers):
        return Coding(headers={"Vary": VARY})
    name = negotiated(headers.get("accept-encoding", ""), ISOLATED)
    return Coding(name, content_coding.isolated(name), _said(name))


def streamed(body: AsyncGenerator[bytes], kind: str, coding: Coding) -> StreamingHttpResponse:
    """Return the response around a body that has been coded by `coding.coder`."""
    response = StreamingHttpResponse(body, content_type=kind, headers=dict(coding.headers))
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def pieces(body: AsyncGenerator[bytes], coder: Coder, patience: float = 0.0) -> AsyncGenerator[bytes]:
    """Yield a body coded, and the end of its coding.

    What comes within `patience` seconds, twice that at most, is coded together; the first piece goes at once.
    """
    waiting: list[bytes] = []
    due = time.monotonic()
    async with aclosing(with_heartbeats(body, patience) if patience else body) as arriving:
        async for data in arriving:
            if data is not None:
                waiting.append(data)
            now = time.monotonic()
            if waiting and (data is None or now >= due):
                yield coder.code(b"".join(waiting))
                waiting.clear()
                due = now + patience
    rest = (coder.code(b"".join(waiting)) if waiting else b"") + coder.end()
    if rest:
        yield rest


def _said(name: str) -> dict[str, str]:
    return {"Vary": VARY, "Content-Encoding": name} if name else {"Vary": VARY}


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _unexposed(scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    return content_coding.unexposed(
        by_key=headers.get("authorization", "").lower().startswith("bearer "),
        fetch_site=headers.get("sec-fetch-site", "").strip().lower(),
        own_origin=identity.origin_allowed(dict(scope)) if "origin" in headers else None,
    )


async def _dictionary(headers: Mapping[str, str]) -> Dictionary | None:
    """Return the dictionary that the client says it holds, None when it is none of ours."""
    digest = content_coding.available(headers.get("available-dictionary", ""))
    if digest is None:
        return None
    found = _prepared.get(digest) or await database_sync_to_async(_prepare, thread_sensitive=False)(digest)
    return found if found and content_coding.agrees(headers.get("dictionary-id", ""), found) else None


# Dictionaries never change, so that they are asked for once.
_prepared: dict[bytes, Dictionary] = {}


def _prepare(digest: bytes) -> Dictionary | None:
    """Return a dictionary with its prepared forms, which take milliseconds to make; for threads."""
    content = compression.dictionary_by_hash(digest.hex())
    if content is None:
        return None
    made = Dictionary(content)
    made.prepare()
    while len(_prepared) >= PREPARED:
        _prepared.pop(next(iter(_prepared)), None)
    _prepared[digest] = made
    return made


async def _link() -> str:
    """Return the header that says where the dictionary is (RFC 9842, 3)."""
    library = await compression.active_library_async()
    if not library.dictionary:
        library = default_library()
    return f'<{reverse("compression:dictionary", args=[library.dictionary])}>; rel="compression-dictionary"'
