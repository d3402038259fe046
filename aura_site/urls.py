"""All paths."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from aura_site import views
from aura_site.monitoring import views as monitoring

urlpatterns = [
    path("health", views.ready, name="health"),
    path("health/live", views.live, name="health-live"),
    path("health/ready", views.ready, name="health-ready"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-in/link/<str:token>", views.sign_in_link, name="sign-in-link"),
    path("sign-out/", LogoutView.as_view(next_page="sign-in"), name="sign-out"),
    path("privacy/", views.privacy, name="privacy"),
    path(".well-known/security.txt", views.security_txt, name="security-txt"),
    path("password/", views.PasswordChange.as_view(), name="password-change"),
    path("dashboard/", monitoring.dashboard, name="dashboard"),
    path("dashboard/figures", monitoring.dashboard_figures, name="dashboard-figures"),
    path("favicon.ico", RedirectView.as_view(url="/static/aura/icon.svg", permanent=True)),
    path("i18n/", include("django.conf.urls.i18n")),
    path("second-factor/", views.second_factor_page, name="second-factor"),
    path("admin/login/", views.admin_sign_in),
    path("admin/", admin.site.urls),
    path("api/openapi.json", views.description, name="description"),
    path("", include("aura_site.documentation.urls")),
    path("", include("compression.urls")),
    path("", include("audit.urls")),
    path("", include("streaming.urls")),
]

handler404 = "aura_site.views.not_found"
