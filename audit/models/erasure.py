"""What is kept, for how long, and what was erased."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models.conversation import Conversation
from audit.models.subject import Subject, Tracked


class Hold(Tracked):
    """A legal hold on a subject or on one conversation: nothing of it is erased while it stands."""

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("subject"))
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("conversation")
    )
    reason = models.CharField(_("reason"), max_length=300)
    placed = models.DateTimeField(_("placed"))
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("placed by")
    )
    released = models.DateTimeField(_("released"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("released by")
    )

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ("-placed",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(subject__isnull=False) | models.Q(conversation__isnull=False),
                name="audit_hold_on_something",
            )
        ]

    def __str__(self) -> str:
        return self.reason


class RetentionPolicy(Tracked):
    """How long content is kept after the last question of a conversation."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    days = models.PositiveIntegerField(
        _("days"), help_text=_("Content is erased that many days after the last question.")
    )
    group = models.ForeignKey(
        "auth.Group",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("group"),
        help_text=_("Empty: everybody."),
    )
    enabled = models.BooleanField(_("in force"), default=False)

    class Meta:
        verbose_name = _("retention policy")
        verbose_name_plural = _("retention policies")
        ordering = ("days",)

    def __str__(self) -> str:
        return self.name


class Receipt(Tracked):
    """What an erasure took, signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, null=True, verbose_name=_("subject"))
    at = models.DateTimeField(_("time"))
    by = models.CharField(_("by"), max_length=150)
    entries = models.BigIntegerField(_("entries"))
    conversations = models.BigIntegerField(_("conversations"))
    note = models.TextField(_("signed receipt"))
    # Since when what other apps keep of it waits to be erased, and whose that is; empty once it is done.
    unfinished = models.DateTimeField(_("unfinished since"), null=True)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("account")
    )

    class Meta:
        verbose_name = _("erasure receipt")
        verbose_name_plural = _("erasure receipts")
        ordering = ("-at",)

    def __str__(self) -> str:
        return str(self.id)
