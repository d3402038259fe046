"""HTTP: libraries for clients to fetch."""

import re
from http import HTTPStatus

import brotli  # type: ignore[import-untyped]
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from compression import selectors


@require_safe
def library(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Return the manifest of the library of that hash, immutable; 401 without signing in, 404 for an unknown hash."""
    found = selectors.library_by_hash(digest) if _may_read(request) else None
    return _immutable(
        request, digest, found.manifest if found else None, "application/json", "No library has this hash."
    )


@require_safe
def dictionary(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Return the dictionary of that hash, immutable, with Brotli for clients that take it; 401 and 404 as above.

    Browsers keep it as the dictionary of what scripts fetch of this server (RFC 9842, 2.1).
    """
    found = selectors.dictionary_by_hash(digest) if _may_read(request) else None
    takes_brotli = re.search(r"\bbr\b", request.headers.get("Accept-Encoding", "")) is not None
    content = _compressed(digest, found) if found is not None and takes_brotli else found
    response = _immutable(request, digest, content, "application/octet-stream", "No dictionary has this hash.")
    response["Vary"] = "Accept-Encoding"
    if found is not None and response.status_code == HTTPStatus.OK:
        response["Use-As-Dictionary"] = f'match="/*", match-dest=(""), id="{digest[:16]}"'
    if found is not None and takes_brotli and response.status_code == HTTPStatus.OK:
        response["Content-Encoding"] = "br"
    return response


def _may_read(request: HttpRequest) -> bool:
    # Who asks is looked at last: an answer that hangs on a cookie is none for a shared cache.
    return settings.COMPRESSION_PUBLIC_LIBRARIES or request.user.is_authenticated


_kept: dict[str, bytes] = {}


def _compressed(digest: str, content: bytes) -> bytes:
    """Return the dictionary in Brotli's finest form: made once, sent to every client."""
    if digest not in _kept:
        _kept.clear()
        _kept[digest] = brotli.compress(content, quality=11, lgwin=22)
    return _kept[digest]


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
