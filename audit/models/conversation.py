"""Conversations as their users see them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models.subject import Subject, Tracked


class Conversation(Tracked):
    """Who talks, and under which title; what is said stands in the entries."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="conversations",
        verbose_name=_("user"),
        help_text=_("Empty once the user was erased."),
    )
    subject = models.ForeignKey(
        Subject, on_delete=models.PROTECT, related_name="conversations", verbose_name=_("subject")
    )
    sealed_title = models.BinaryField(_("sealed title"), default=b"")
    created = models.DateTimeField(_("started"))
    # Kept by the journal: the time of the newest question on the ledger.
    updated = models.DateTimeField(_("last question"), db_index=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-updated",)
        permissions: ClassVar = [
            ("read_record", _("May read what was said")),
            ("review_record", _("May review conversations")),
            ("export_record", _("May export the record")),
            ("erase_record", _("May erase subjects and apply retention")),
            ("hold_record", _("May place and release legal holds")),
        ]

    def __str__(self) -> str:
        # Not the title: this stands in places that people see who may not read what was said.
        return str(self.id)

    @property
    def title(self) -> str:
        """The beginning of the first question; empty once it was erased."""
        from audit.selectors import open_text

        return open_text(bytes(self.sealed_title))


class Shelved(Tracked):
    """A conversation that its user took off the list. It stays on the record; the row goes when it is put back."""

    conversation = models.OneToOneField(
        Conversation, on_delete=models.PROTECT, primary_key=True, related_name="shelved", verbose_name=_("conversation")
    )
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("conversation off the list")
        verbose_name_plural = _("conversations off the list")
        ordering = ("-at",)

    def __str__(self) -> str:
        return str(self.conversation_id)


class Share(Tracked):
    """A link by which signed-in users read a conversation, as far as it went when the link was made."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="shares", verbose_name=_("conversation")
    )
    made = models.DateTimeField(_("made"))
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("shared link")
        verbose_name_plural = _("shared links")
        ordering = ("-made",)

    def __str__(self) -> str:
        # Not the id: it is the link.
        return str(self.conversation_id)
