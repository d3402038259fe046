"""Tables of the record: conversations, the ledger of entries, and their content apart from it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.records.event import Kind


class Conversation(models.Model):
    """Who talks, and under which title; what is said stands in the entries."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations", verbose_name=_("user")
    )
    title = models.CharField(_("title"), max_length=120, blank=True)
    created = models.DateTimeField(_("started"), auto_now_add=True)
    updated = models.DateTimeField(_("last question"), auto_now=True, db_index=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-updated",)

    def __str__(self) -> str:
        return self.title or str(self.id)


class Entry(models.Model):
    """One event in the ledger. Append-only: triggers in the database refuse changes (migration 0001).

    The hash covers every column and, by `content_hash`, the content.
    """

    KINDS: ClassVar = [
        (Kind.PROMPT.value, _("prompt")),
        (Kind.CHUNK.value, _("chunk")),
        (Kind.DONE.value, _("done")),
        (Kind.FAULT.value, _("fault")),
        (Kind.CONTROL.value, _("control")),
        (Kind.DELIVERY.value, _("delivery")),
    ]

    seq = models.BigIntegerField(_("number"), primary_key=True)
    # No constraint: the journal does not wait for another table.
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="entries",
        verbose_name=_("conversation"),
    )
    stream = models.UUIDField(_("stream"))
    epoch = models.IntegerField(_("epoch"))
    offset = models.BigIntegerField(_("offset"))
    kind = models.CharField(_("kind"), max_length=8, choices=KINDS)
    actor = models.CharField(_("actor"), max_length=150)
    at = models.BigIntegerField(_("time"), help_text=_("Microseconds since 1 January 1970, UTC"))
    content_hash = models.BinaryField(_("hash of the content"), max_length=32)
    previous = models.BinaryField(_("hash before"), max_length=32)
    hash = models.BinaryField(_("hash"), max_length=32)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ("seq",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["stream", "epoch", "offset"],
                condition=models.Q(kind__in=["chunk", "done", "fault"]),
                name="audit_one_event_an_offset",
            ),
            models.UniqueConstraint(
                fields=["stream"], condition=models.Q(kind="prompt"), name="audit_one_prompt_a_stream"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "seq"], name="audit_by_conversation"),
            # Not the unique constraint's index: that is partial, and no plan can count on it for bound parameters.
            models.Index(fields=["stream", "offset"], name="audit_by_stream"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class Content(models.Model):
    """What an entry says, as canonical JSON: apart from the ledger, so that it can be erased while the chain stands."""

    entry = models.OneToOneField(
        Entry, on_delete=models.DO_NOTHING, primary_key=True, related_name="content", verbose_name=_("entry")
    )
    body = models.TextField(_("content"))

    class Meta:
        verbose_name = _("content")
        verbose_name_plural = _("contents")

    def __str__(self) -> str:
        return self.body[:80]
