"""HTTP: libraries for clients to fetch."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from compression import selectors


@require_safe
def library(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Return the manifest of the library of that hash, immutable; 401 without signing in, 404 for an unknown hash."""
    if not request.user.is_authenticated:
        response = _error(HTTPStatus.UNAUTHORIZED, "not_allowed", "Sign in, or send an API key as a bearer token.")
        response["WWW-Authenticate"] = "Bearer"
        return response
    found = selectors.library_by_hash(digest)
    if found is None:
        return _error(HTTPStatus.NOT_FOUND, "unknown_library", "No library has this hash.")
    etag = quote_etag(digest)
    manifest = HttpResponse(found.manifest, content_type="application/json", headers={"ETag": etag})
    # What has a hash for a name never changes. Not for shared caches: only users may read it.
    manifest["Cache-Control"] = "private, max-age=31536000, immutable"
    return get_conditional_response(request, etag=etag, response=manifest) or manifest


def _error(status: HTTPStatus, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
