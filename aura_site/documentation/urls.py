"""Paths of the documentation."""

from django.urls import path

from aura_site.documentation import views

urlpatterns = [
    path("docs/", views.start, name="docs"),
    path("docs/<str:language>/", views.page, name="docs-home"),
    path("docs/<str:language>/search.json", views.search, name="docs-search"),
    path("docs/<str:language>/<path:name>.html", views.page, name="docs-page"),
]
