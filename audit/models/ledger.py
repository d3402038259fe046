"""The ledger, what it says, and what is folded from it."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models.conversation import Conversation
from audit.models.subject import Subject
from audit.records.event import Kind


class Entry(models.Model):
    """One event in the ledger. Append-only: triggers in the database refuse changes (audit.immutability).

    The hash covers every column and, by `content_hash`, the sealed content.
    """

    KINDS: ClassVar = [
        (Kind.PROMPT.value, _("prompt")),
        (Kind.CHUNK.value, _("chunk")),
        (Kind.DONE.value, _("done")),
        (Kind.FAULT.value, _("fault")),
        (Kind.CONTROL.value, _("control")),
        (Kind.DELIVERY.value, _("delivery")),
        (Kind.STATE.value, _("state")),
        (Kind.ACCESS.value, _("access")),
        (Kind.ERASURE.value, _("erasure")),
    ]

    seq = models.BigIntegerField(_("number"), primary_key=True)
    # No constraint, here and below: the journal does not wait for another table.
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="entries",
        verbose_name=_("conversation"),
    )
    stream = models.UUIDField(_("stream"))
    epoch = models.IntegerField(_("epoch"))
    offset = models.BigIntegerField(_("offset"))
    kind = models.CharField(_("kind"), max_length=8, choices=KINDS)
    subject = models.ForeignKey(
        Subject,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="entries",
        verbose_name=_("actor"),
    )
    at = models.BigIntegerField(_("time"), help_text=_("Microseconds since 1 January 1970, UTC"))
    content_hash = models.BinaryField(_("hash of the content"), max_length=32)
    previous = models.BinaryField(_("hash before"), max_length=32)
    hash = models.BinaryField(_("hash"), max_length=32)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ("seq",)
        constraints: ClassVar = [
            # A stream's events are found by it, too. With a condition it could not serve that: no plan counts on a partial
            # index for bound parameters, and a second index would be half of what an entry writes again.
            models.UniqueConstraint(
                models.F("stream"),
                models.F("offset"),
                models.F("epoch"),
                models.Case(
                    models.When(kind__in=["chunk", "done", "fault"], then=0),
                    default=models.F("seq"),
                    output_field=models.BigIntegerField(),
                ),
                name="audit_one_event_an_offset",
            ),
            models.UniqueConstraint(
                fields=["stream"], condition=models.Q(kind="prompt"), name="audit_one_prompt_a_stream"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "seq"], name="audit_by_conversation"),
            models.Index(fields=["subject", "seq"], name="audit_by_subject"),
            models.Index(
                fields=["kind", "seq"],
                condition=models.Q(kind__in=["state", "access", "erasure"]),
                name="audit_by_system_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.get_kind_display()}"


class Content(models.Model):
    """What an entry says, sealed (audit.records.sealing): apart from the ledger, so that it can be erased."""

    entry = models.OneToOneField(
        Entry,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="content",
        verbose_name=_("entry"),
    )
    body = models.BinaryField(_("sealed content"))

    class Meta:
        verbose_name = _("content")
        verbose_name_plural = _("contents")

    def __str__(self) -> str:
        return str(self.pk)


class Checkpoint(models.Model):
    """A signed tree head (audit.records.checkpoint). Append-only; the same note stands in a file outside the database."""

    size = models.BigIntegerField(_("entries"), primary_key=True)
    note = models.TextField(_("signed head"))
    # The whole subtrees of the tree at that size, to grow it from.
    nodes = models.BinaryField(_("nodes"))

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        ordering = ("-size",)

    def __str__(self) -> str:
        return str(self.size)


class Node(models.Model):
    """A node of the Merkle tree over whole subtrees of 256, 65,536 ... entries, so that proofs are found fast."""

    pk = models.CompositePrimaryKey("level", "place")
    level = models.SmallIntegerField(_("level"))
    place = models.BigIntegerField(_("place"))
    hash = models.BinaryField(_("hash"), max_length=32)

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")

    def __str__(self) -> str:
        return f"{self.level} {self.place}"


class Summary(models.Model):
    """One question and its answer, for lists and filters: folded from the ledger, and checked against it."""

    STATES: ClassVar = [
        ("open", _("open")),
        ("done", _("done")),
        ("cancelled", _("cancelled")),
        ("fault", _("fault")),
    ]

    stream = models.UUIDField(_("stream"), primary_key=True)
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="summaries",
        verbose_name=_("conversation"),
    )
    at = models.BigIntegerField(_("time"), db_index=True)
    state = models.CharField(_("state"), max_length=9, choices=STATES)
    model = models.CharField(_("model"), max_length=128)
    tier = models.CharField(_("tier"), max_length=16)
    cost_nano = models.BigIntegerField(_("cost in 10^-9 US dollars"))
    prompt_tokens = models.BigIntegerField(_("tokens of the prompt"))
    completion_tokens = models.BigIntegerField(_("tokens of the answer"))
    text_bytes = models.BigIntegerField(_("bytes of text"))
    wire_bytes = models.BigIntegerField(_("bytes on the wire"))
    methods = models.CharField(_("methods"), max_length=100)

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        ordering = ("at",)

    def __str__(self) -> str:
        return str(self.stream)
