"""Paths of the app."""

from django.urls import path

from streaming import views

app_name = "streaming"
urlpatterns = [
    path("", views.chat_page, name="chat"),
    path("ai/chat", views.ai_chat, name="ai-chat"),
    path("api/v1/stream/chat", views.stream_chat, name="stream-chat"),
    path("api/streaming/stats", views.stats, name="stats"),
    path("api/streaming/sessions", views.sessions, name="sessions"),
]
