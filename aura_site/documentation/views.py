"""`/docs/`: for everybody, signed in or not. Nothing here depends on who asks."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import conditional_page, require_safe

from aura_site.documentation import site
from aura_site.documentation.pages import LANGUAGES, pages

# Seconds that a browser or a shared cache may keep a page without asking again.
MAX_AGE = 60


@require_safe
def start(_request: HttpRequest) -> HttpResponse:
    """Lead to the documentation in the reader's language."""
    language = get_language()
    return HttpResponseRedirect(reverse("docs-home", args=[language if language in LANGUAGES else LANGUAGES[0]]))


@require_safe
@gzip_page
@conditional_page
def page(_request: HttpRequest, language: str, name: str = "index") -> HttpResponse:
    """Answer with a page."""
    found = pages().get((language, name))
    if found is None:
        raise Http404
    return _kept(HttpResponse(site.html(found), headers={"Content-Language": language}))


@require_safe
@gzip_page
@conditional_page
def search(_request: HttpRequest, language: str) -> HttpResponse:
    """Answer with what the search looks through."""
    if language not in LANGUAGES:
        raise Http404
    return _kept(HttpResponse(site.index(language), content_type="application/json"))


def _kept(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, public=True, max_age=MAX_AGE)
    return response
