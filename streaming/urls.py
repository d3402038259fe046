"""Paths of the app."""

from django.urls import path

from streaming import answer_views, signalling, topic_views, views
from streaming.jobs import views as jobs

app_name = "streaming"
urlpatterns = [
    path("", views.chat_page, name="chat"),
    path("console/", views.console_page, name="console"),
    path("shared/<uuid:identifier>", answer_views.shared_page, name="shared"),
    path("api/v1/answers/<uuid:stream>", answer_views.answer, name="answer"),
    path("ai/chat", views.ai_chat, name="ai-chat"),
    path("api/v1/stream/chat", views.stream_chat, name="stream-chat"),
    path("api/v1/topics/<path:name>/events", topic_views.topic_events, name="topic-events"),
    path("api/v1/topics/<path:name>", topic_views.topic, name="topic"),
    path("api/v1/webrtc/ice-servers", signalling.ice_servers, name="ice-servers"),
    path("api/v1/webrtc/offer", signalling.offer, name="webrtc-offer"),
    path("api/streaming/stats", views.stats, name="stats"),
    path("api/streaming/sessions", views.sessions, name="sessions"),
    path("datasets/", jobs.datasets_page, name="datasets"),
    path("deep_tree_echo/openapi.json", jobs.description, name="deep-tree-description"),
    path("deep_tree_echo/jobs", jobs.jobs, name="dataset-jobs"),
    path("deep_tree_echo/jobs/<str:job>", jobs.job, name="dataset-job"),
]
