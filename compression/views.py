"""HTTP: libraries for clients to fetch."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import brotli  # type: ignore[import-untyped]
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from compression import selectors
from compression.codec.delta import CONTENT_TYPE, delta
from compression.downloads import counted
from compression.negotiation import negotiated


@counted("library")
@require_safe
def library(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Return the manifest of the library of that hash, immutable; 401 without signing in, 404 for an unknown hash.

    `have` may name a library that the client holds: then a delta comes where it is smaller (wire-format.md, section 8).
    """
    found = selectors.library_by_hash(digest) if _may_read(request) else None
    if found is None:
        return _immutable(request, digest, None, "application/json", "No library has this hash.")
    held = selectors.library_by_hash(request.GET.get("have", ""))
    if held is not None and (made := _delta(held.manifest, found.manifest, held.hash, digest)) is not None:
        return _coded(request, f"{digest}-{held.hash[:16]}", made, CONTENT_TYPE)
    return _coded(request, digest, found.manifest, "application/json")


@counted("dictionary")
@require_safe
def dictionary(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Return the dictionary of that hash, immutable, with Brotli for clients that take it; 401 and 404 as above.

    Browsers keep it as the dictionary of what scripts fetch of this server (RFC 9842, 2.1). `have` may name a dictionary and
    `library` a library that the client holds: then a delta comes where it is smaller.
    """
    found = selectors.dictionary_by_hash(digest) if _may_read(request) else None
    if found is None:
        return _immutable(request, digest, None, "application/octet-stream", "No dictionary has this hash.")
    held = selectors.dictionary_by_hash(request.GET.get("have", "")) or b""
    known = selectors.library_by_hash(request.GET.get("library", ""))
    source = held + (known.texts if known is not None else b"")
    name = hashlib.sha256(source).hexdigest()
    made = _delta(source, found, name, digest)
    if made is not None:
        return _coded(request, f"{digest}-{name[:16]}", made, CONTENT_TYPE)
    response = _coded(request, digest, found, "application/octet-stream")
    if response.status_code == HTTPStatus.OK:
        response["Use-As-Dictionary"] = f'match="/*", match-dest=(""), id="{digest[:16]}"'
    return response


def _may_read(request: HttpRequest) -> bool:
    # Who asks is looked at last: an answer that hangs on a cookie is none for a shared cache.
    return settings.COMPRESSION_PUBLIC_LIBRARIES or request.user.is_authenticated


#: What was made for clients is kept for the next ones: of what is in use, and of a few older versions.
_KEPT: Final = 32
_kept: dict[str, bytes | None] = {}


def _once(name: str, make: Callable[[], bytes | None]) -> bytes | None:
    if name not in _kept:
        if len(_kept) >= _KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[name] = make()
    return _kept.get(name)


def _delta(source: bytes, target: bytes, held: str, digest: str) -> bytes | None:
    """Return what makes one of the other where that is much smaller, made once; else None."""

    def make() -> bytes | None:
        made = delta(source, target)
        return made if 4 * len(made) < 3 * len(target) else None

    return _once(f"{held} {digest}", make) if source else None


def _coded(request: HttpRequest, name: str, content: bytes, kind: str) -> HttpResponseBase:
    """Return immutable content, in Brotli's finest form for clients that take it: made once, sent to every client."""
    takes_brotli = negotiated(request.headers.get("Accept-Encoding", ""), ("br",))
    made = _once(name, lambda: brotli.compress(content, quality=11, lgwin=22)) if takes_brotli else None
    # Other bytes have another name (RFC 9110, 8.8.1), or a cache would put parts of both together.
    response = _immutable(request, f"{name}-br" if made else name, made or content, kind, "")
    response["Vary"] = "Accept-Encoding"
    if made and response.status_code == HTTPStatus.OK:
        response["Content-Encoding"] = "br"
    return response


def _immutable(request: HttpRequest, digest: str, content: bytes | None, kind: str, missing: str) -> HttpResponseBase:
    """Return what has a hash for a name: it never changes. Shared caches may keep it only when everybody may read it."""
    if not _may_read(request):
        response = _error(HTTPStatus.UNAUTHORIZED, "not_allowed", "Sign in, or send an API key as a bearer token.")
        response["WWW-Authenticate"] = "Bearer"
        return response
    if content is None:
        return _error(HTTPStatus.NOT_FOUND, "unknown_library", missing)
    etag = quote_etag(digest)
    whole = HttpResponse(content, content_type=kind, headers={"ETag": etag})
    whole["Cache-Control"] = (
        f"{'public' if settings.COMPRESSION_PUBLIC_LIBRARIES else 'private'}, max-age=31536000, immutable"
    )
    return get_conditional_response(request, etag=etag, response=whole) or whole


def _error(status: HTTPStatus, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
