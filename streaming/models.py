"""Tables of the streaming app."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Checkpoint(models.Model):
    """How far a named reader of a topic has come: the offset below which it has acknowledged all."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, verbose_name=_("user"))
    stream = models.UUIDField(_("stream"))
    label = models.CharField(_("name"), max_length=64)
    epoch = models.IntegerField(_("epoch"))
    offset = models.BigIntegerField(_("offset"))
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "stream", "label"], name="streaming_one_position_a_reader"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.offset}"


class DatasetJob(models.Model):
    """An input and what is asked of it. Its bytes are in the spool; what happened is on the record."""

    class Status(models.TextChoices):
        """WAITING: nobody reads it now; whoever comes back gets the rest."""

        RUNNING = "running", _("running")
        WAITING = "waiting", _("waiting for its client")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN: ClassVar = (Status.RUNNING, Status.WAITING)

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dataset_jobs", verbose_name=_("user")
    )
    endpoint = models.CharField(_("endpoint"), max_length=32)
    parameters = models.JSONField(_("parameters"))
    content = models.CharField(_("content"), max_length=5, blank=True)
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.WAITING, db_index=True)
    # Which connection works on it: the one that came last. Another that finds itself replaced ends.
    run = models.UUIDField(_("run"), null=True, editable=False)
    size = models.BigIntegerField(_("size"), null=True, help_text=_("Bytes; unknown until the upload has ended"))
    received = models.BigIntegerField(_("received"), default=0)
    position = models.BigIntegerField(_("position"), default=0, help_text=_("Bytes that results were sent for"))
    sent = models.BigIntegerField(_("sent"), default=0, help_text=_("Bytes of events"))
    compute_ms = models.BigIntegerField(_("computing"), default=0, help_text=_("Milliseconds of a worker"))
    digest = models.CharField(_("SHA-256"), max_length=64, blank=True)
    error = models.CharField(_("error"), max_length=200, blank=True)
    created = models.DateTimeField(_("started"), auto_now_add=True)
    updated = models.DateTimeField(_("last seen"), auto_now=True, db_index=True)

    class Meta:
        verbose_name = _("dataset job")
        verbose_name_plural = _("dataset jobs")
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.endpoint} {self.id}"
