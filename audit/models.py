"""Tables of the record.

The ledger: Entry and, apart from it, the sealed Content. What stands beside the ledger is checked against it: a Summary is
folded from entries; every other row is `Tracked`: each time it is written, an entry of the kind `state` says so, with a
digest of all its columns (audit.tracking).
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.records.event import Kind


class Tracked(models.Model):
    """A row whose every state stands on the ledger. Save and delete it through audit.tracking only."""

    class Meta:
        abstract = True


class Subject(Tracked):
    """Somebody whose words are on the record. The ledger knows them by this id only; the name goes when they are erased."""

    id = models.UUIDField(_("pseudonym"), primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=150, null=True, unique=True)  # noqa: DJ001 - many without a name
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="subjects",
        verbose_name=_("user"),
    )
    erased = models.DateTimeField(_("erased"), null=True)

    class Meta:
        verbose_name = _("subject")
        verbose_name_plural = _("subjects")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name or str(self.id)


class Key(Tracked):
    """A key of a subject, wrapped by the master key. Gone when the subject is erased."""

    id = models.BigAutoField(primary_key=True)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="keys", verbose_name=_("subject"))
    purpose = models.CharField(_("purpose"), max_length=8)
    master = models.CharField(_("wrapped by"), max_length=16)
    wrapped = models.BinaryField(_("wrapped key"), max_length=60)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return f"{self.pk} {self.purpose}"


class VaultState(Tracked):
    """One row; its version rises when keys or names change, so that every process forgets what it knows of them."""

    id = models.IntegerField(primary_key=True)
    version = models.BigIntegerField(_("version"))

    class Meta:
        verbose_name = _("state of the vault")
        verbose_name_plural = _("states of the vault")

    def __str__(self) -> str:
        return str(self.version)


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


class Rule(Tracked):
    """What makes a turn worth a look."""

    PERSONAL, WORDS, COST, REFUSAL, INJECTION = "personal", "words", "cost", "refusal", "injection"
    CATEGORIES: ClassVar = [
        (PERSONAL, _("personal data")),
        (WORDS, _("words")),
        (COST, _("cost")),
        (REFUSAL, _("refusal")),
        (INJECTION, _("prompt injection")),
    ]

    name = models.CharField(_("name"), max_length=64, unique=True)
    category = models.CharField(_("category"), max_length=9, choices=CATEGORIES)
    value = models.TextField(
        _("value"),
        blank=True,
        help_text=_(
            "Words: one a line. Cost: US dollars of one answer. Personal data: kinds, or empty for all of them."
        ),
    )
    enabled = models.BooleanField(_("in force"), default=True)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


# Built-in rules whose names say what their category says; and the kinds of personal data, as flags tell them.
_SAME_AS_CATEGORY = ("personal data", "prompt injection", "names")
KINDS_TOLD = {
    "email": _("e-mail addresses"),
    "phone": _("telephone numbers"),
    "card": _("card numbers"),
    "iban": _("bank accounts"),
    "id": _("identity numbers"),
    "ip": _("network addresses"),
    "secret": _("secrets"),
    "name": _("names"),
}


class Flag(Tracked):
    """A rule that a turn met. What was found is not repeated here, only how often."""

    PROMPT, ANSWER = "prompt", "answer"
    SIDES: ClassVar = [(PROMPT, _("question")), (ANSWER, _("answer"))]

    stream = models.UUIDField(_("stream"), db_index=True)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="flags", verbose_name=_("conversation")
    )
    side = models.CharField(_("side"), max_length=6, choices=SIDES)
    rule = models.CharField(_("rule"), max_length=64)
    category = models.CharField(_("category"), max_length=9, choices=Rule.CATEGORIES, db_index=True)
    detail = models.CharField(_("detail"), max_length=100, blank=True)
    at = models.DateTimeField(_("time"), db_index=True)

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        ordering = ("at",)

    def __str__(self) -> str:
        return f"{self.rule} {self.detail}"

    @property
    def told(self) -> str:
        """What the flag says, in the language of the reader; rules of one's own keep their names."""
        category = str(self.get_category_display())
        rule = category if self.rule == self.category or self.rule in _SAME_AS_CATEGORY else f"{category}: {self.rule}"
        counted = [part.split(" ") for part in self.detail.split(", ")]
        kinds = ", ".join(" ".join([str(KINDS_TOLD.get(kind, kind)), *rest]) for kind, *rest in counted)
        return f"{rule} ({self.get_side_display()}" + (f": {kinds})" if kinds else ")")


class Examination(Tracked):
    """A turn that was searched for what the rules want and whose words are in the index; `digest` covers its Words."""

    stream = models.UUIDField(_("stream"), primary_key=True)
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="examinations",
        verbose_name=_("conversation"),
    )
    at = models.DateTimeField(_("time"))
    digest = models.CharField(_("digest of its words"), max_length=32)

    class Meta:
        verbose_name = _("examination")
        verbose_name_plural = _("examinations")

    def __str__(self) -> str:
        return str(self.stream)


class NameSearch(Tracked):
    """A turn that was searched for names, which is done apart from its examination: it takes a model."""

    stream = models.UUIDField(_("stream"), primary_key=True)
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="name_searches",
        verbose_name=_("conversation"),
    )
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("search for names")
        verbose_name_plural = _("searches for names")

    def __str__(self) -> str:
        return str(self.stream)


class Word(models.Model):
    """A blinded word of a turn: HMAC of the word under the record's search key, cut to 63 bits."""

    pk = models.CompositePrimaryKey("word", "stream")
    word = models.BigIntegerField()
    stream = models.UUIDField(db_index=True)

    class Meta:
        verbose_name = _("word")
        verbose_name_plural = _("words")

    def __str__(self) -> str:
        return str(self.word)


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
