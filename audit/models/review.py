"""Reviews of conversations."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models.conversation import Conversation
from audit.models.subject import Tracked


class Review(Tracked):
    """Where the review of a conversation stands. Clearing it takes two people: one proposes, another confirms."""

    OPEN, IN_REVIEW, CLEARED, ESCALATED = "open", "in_review", "cleared", "escalated"
    STATUSES: ClassVar = [
        (OPEN, _("open")),
        (IN_REVIEW, _("in review")),
        (CLEARED, _("cleared")),
        (ESCALATED, _("escalated")),
    ]

    conversation = models.OneToOneField(
        Conversation, on_delete=models.PROTECT, primary_key=True, related_name="review", verbose_name=_("conversation")
    )
    status = models.CharField(_("status"), max_length=9, choices=STATUSES, default=OPEN, db_index=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("assignee"),
    )
    # Who wants it cleared, and waits for another to confirm.
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("proposed by")
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    opened = models.DateTimeField(_("opened"))
    changed = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ("-changed",)

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.status}"


class Note(Tracked):
    """What a reviewer writes about a conversation, or what its user says is wrong in it. Sealed as the conversation is."""

    REVIEW, RECTIFICATION = "review", "rectification"
    KINDS: ClassVar = [(REVIEW, _("review")), (RECTIFICATION, _("rectification"))]

    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="notes", verbose_name=_("conversation")
    )
    kind = models.CharField(_("kind"), max_length=13, choices=KINDS)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author")
    )
    at = models.DateTimeField(_("time"))
    sealed_text = models.BinaryField(_("sealed text"))

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ("at",)

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.kind}"

    @property
    def text(self) -> str:
        """What it says; empty once it was erased."""
        from audit.selectors import open_text

        return open_text(bytes(self.sealed_text))


class SavedFilter(Tracked):
    """A search of the conversations that somebody keeps."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100)
    query = models.CharField(_("query"), max_length=1000)
    shared = models.BooleanField(_("shared with all reviewers"), default=False)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
