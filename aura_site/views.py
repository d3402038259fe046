"""Health, and the pages around an account."""

from typing import Any

from django.contrib.auth import login, views
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from aura_site import selectors, services
from aura_site.forms import SignInForm
from aura_site.models import OneTimePassword

BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_GET
async def live(_request: HttpRequest) -> JsonResponse:
    """Return 200 as long as the process answers at all."""
    return JsonResponse({"live": True})


@require_GET
async def ready(_request: HttpRequest) -> JsonResponse:
    """Return 200 when every part works, else 503, with each part's state."""
    checks = await selectors.readiness()
    fine = all(check["ok"] for check in checks.values())
    return JsonResponse({"live": True, "ready": fine, "checks": checks}, status=200 if fine else 503)


class SignIn(views.LoginView):
    """The sign-in page."""

    template_name = "aura_site/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        if OneTimePassword.objects.filter(user=form.get_user()).exists():
            self.request.session["one_time_password"] = True
        return response


@never_cache
@require_GET
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign the user of a one-time link in and lead to the chat; explain a link that no longer counts."""
    user = services.use_sign_in_link(token)
    if user is None:
        return render(request, "aura_site/link_over.html", status=410)
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect("/")


class PasswordChange(views.PasswordChangeView):
    """Replaces a password. Who came by a one-time password or link does not have to know the old one."""

    template_name = "aura_site/password_change.html"
    success_url = reverse_lazy("streaming:chat")

    def get_form_class(self) -> type[Any]:
        fresh = OneTimePassword.objects.filter(user=self.request.user).exists()  # type: ignore[misc]
        return SetPasswordForm if fresh else super().get_form_class()

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        OneTimePassword.objects.filter(user=self.request.user).delete()  # type: ignore[misc]
        self.request.session.pop("one_time_password", None)
        return response
