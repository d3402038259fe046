"""Paths of the app."""

from django.urls import path

from compression import views

app_name = "compression"
urlpatterns = [
    path("api/compression/libraries/<str:digest>", views.library, name="library"),
    path("api/compression/dictionaries/<str:digest>", views.dictionary, name="dictionary"),
]
