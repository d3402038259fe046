"""What is logged: a message with its text."""

from typing import Any

from auditlog.registry import auditlog
from django.db import models


class Message(models.Model):
    """A piece of an answer."""

    stream = models.UUIDField(db_index=True)
    offset = models.IntegerField()
    text = models.TextField()

    class Meta:
        app_label = "auditlog_peer"

    def __str__(self) -> str:
        return f"{self.stream} {self.offset}"


register: Any = auditlog.register
register(Message)
