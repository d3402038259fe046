"""Paths of the app."""

from django.urls import path

from audit import views

app_name = "audit"
urlpatterns = [
    path("api/v1/conversations", views.conversations, name="conversations"),
    path("api/v1/conversations/<uuid:identifier>", views.conversation, name="conversation"),
    path("api/v1/conversations/<uuid:identifier>/shares", views.shares, name="shares"),
    path("api/v1/shares/<uuid:identifier>", views.share, name="share"),
]
