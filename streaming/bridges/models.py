"""Tables of the bridges: routes, how far readers are, what waits, what could not be delivered."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


class Route(models.Model):
    """What is moved from where to where."""

    class State(models.TextChoices):
        """TROUBLE: it goes on by itself as soon as what `error` says is over."""

        IDLE = "idle", _("not running")
        RUNNING = "running", _("running")
        TROUBLE = "trouble", _("in trouble")
        INVALID = "invalid", _("not valid")

    class Start(models.TextChoices):
        """Where a route begins that has not read anything yet."""

        FIRST = "first", _("with the oldest message there is")
        NOW = "now", _("with what comes from now on")

    name = models.SlugField(_("name"), max_length=64, unique=True)
    active = models.BooleanField(_("active"), default=True)
    source = models.CharField(
        _("from"),
        max_length=250,
        help_text=_("BROKER:CHANNEL, topic:NAME or outbox:NAME; brokers are named in AURA_BROKERS"),
    )
    start = models.CharField(
        _("begins"),
        max_length=8,
        choices=Start.choices,
        default=Start.FIRST,
        help_text=_("Counts the first time that the route runs; after that it goes on where it was"),
    )
    target = models.CharField(_("to"), max_length=250, help_text=_("BROKER:CHANNEL or topic:NAME"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("user"),
        help_text=_("Whose topics are meant, and who the events come from"),
    )
    kind = models.CharField(_("kind"), max_length=64, blank=True, help_text=_("The kind of events put into a topic"))
    filter = models.TextField(
        _("filter"),
        blank=True,
        max_length=4_000,
        help_text=_('Which messages go on: {"kind": ["paid"], "data.room": 3}; empty for all'),
    )
    mapping = models.TextField(
        _("mapping"),
        blank=True,
        max_length=8_000,
        help_text=_('What is made of one: {"order": "$data.id"} or "$data"; empty for no change'),
    )
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.IDLE, editable=False)
    error = models.CharField(_("error"), max_length=300, blank=True, editable=False)
    moved = models.BigIntegerField(_("moved"), default=0, editable=False)
    passed_over = models.BigIntegerField(_("filtered out"), default=0, editable=False)
    doubles = models.BigIntegerField(_("duplicates left out"), default=0, editable=False)
    put_aside = models.BigIntegerField(_("put aside"), default=0, editable=False)
    # When what was read last had come (seconds since the Unix epoch): everything before that has been dealt with.
    caught_up = models.FloatField(default=0.0, editable=False)
    # The process that moves it, and until when (seconds since the Unix epoch) no other may take it.
    holder = models.CharField(max_length=32, blank=True, editable=False)
    held_until = models.FloatField(default=0.0, editable=False)
    seen = models.DateTimeField(_("last moved"), null=True, editable=False)

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        from streaming.bridges.errors import BadAddress
        from streaming.bridges.routes import Plan
        from streaming.bridges.wording import in_words

        try:
            Plan.of(self)
        except BadAddress as error:
            raise ValidationError(in_words(str(error))) from None


class Position(models.Model):
    """The place in a partition that a reader goes on behind."""

    reader = models.CharField(_("reader"), max_length=80)
    partition = models.CharField(_("partition"), max_length=200)
    position = models.CharField(_("position"), max_length=200)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reader", "partition"], name="bridges_one_position_a_partition"),
        ]

    def __str__(self) -> str:
        return f"{self.reader} {self.partition}: {self.position}"


class Progress(models.Model):
    """The offsets of a stream that a reader has dealt with, as runs (streaming.bridges.seen)."""

    reader = models.CharField(_("reader"), max_length=80)
    stream = models.CharField(_("stream"), max_length=200)
    epoch = models.BigIntegerField(_("epoch"))
    runs = models.JSONField(_("offsets"), default=list)
    updated = models.DateTimeField(_("updated"), auto_now=True, db_index=True)

    class Meta:
        verbose_name = _("progress")
        verbose_name_plural = _("progress")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reader", "stream", "epoch"], name="bridges_one_progress_a_stream"),
        ]

    def __str__(self) -> str:
        return f"{self.reader} {self.stream}"


class Kept(models.Model):
    """A message as the database keeps it."""

    stream = models.CharField(_("stream"), max_length=200, blank=True)
    epoch = models.BigIntegerField(_("epoch"), default=1)
    offset = models.BigIntegerField(_("offset"), default=0)
    headers = models.JSONField(_("headers"), default=dict)
    body = models.BinaryField(_("body"))
    created = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.stream} {self.epoch}.{self.offset}"


class Outgoing(Kept):
    """A message that waits for its broker."""

    outbox = models.CharField(_("outbox"), max_length=64)

    class Meta:
        verbose_name = _("waiting message")
        verbose_name_plural = _("outbox")
        indexes: ClassVar = [models.Index(fields=["outbox", "id"], name="bridges_outbox_order")]


class DeadLetter(Kept):
    """A message that could not be delivered and was put aside."""

    reader = models.CharField(_("reader"), max_length=80, db_index=True)
    reason = models.CharField(_("reason"), max_length=300)
    again = models.BooleanField(_("to be tried again"), default=False)

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ("-id",)
