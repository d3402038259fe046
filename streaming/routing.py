"""WebSocket paths."""

from django.urls import path

from streaming.transports.websocket import ChatConsumer

websocket_urlpatterns = [path("ws/chat/", ChatConsumer.as_asgi())]
