"""Templates and libraries. Both are immutable: a library only changes its status, a template what was measured of it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compression import codec
from compression.visible import in_a_line


class Measured(models.Model):
    """What a template does for answers that were not mined, the last time that this was measured (compression.worth)."""

    class Worth(models.TextChoices):
        BYTES = "bytes", _("Bytes")
        SPEED = "speed", _("Speed")
        MEANING = "meaning", _("Meaning")
        NONE = "none", _("Nothing beside the model")

    worth = models.CharField(_("worth"), max_length=10, choices=Worth, blank=True, db_index=True)
    hits = models.PositiveIntegerField(_("hits"), null=True, help_text=_("Among 1,000 answers held out"))
    used = models.PositiveIntegerField(
        _("used"), null=True, help_text=_("Of its hits, those that the model does not code in fewer bytes")
    )
    gain = models.IntegerField(
        _("bytes beside the model"),
        null=True,
        help_text=_("Saved over 1,000 answers held out beside the model alone, less the bytes to carry"),
    )
    micros = models.FloatField(_("microseconds with it"), null=True, help_text=_("To code and decode one of its hits"))
    micros_without = models.FloatField(_("microseconds without it"), null=True)

    class Meta:
        abstract = True


class Template(Measured):
    """A template by its id, which stands for the same parts for ever; only what was measured of it changes."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    parts = models.JSONField(_("parts"), help_text=_("The fixed texts; between each two of them is a slot."))

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.id}: {in_a_line(self.value.pattern())}"

    @property
    def value(self) -> codec.Template:
        """The template as the codec knows it."""
        return codec.Template(self.id, tuple(self.parts))


class Library(models.Model):
    """An immutable library. At most one is active: new sessions code with it."""

    class Status(models.TextChoices):
        CANDIDATE = "candidate", _("Candidate")
        ACTIVE = "active", _("Active")
        RETIRED = "retired", _("Retired")

    class Origin(models.TextChoices):
        DEFAULT = "default", _("Ships with AURA")
        DISCOVERY = "discovery", _("Discovery")
        MANUAL = "manual", _("Added by hand")

    hash = models.CharField(_("hash"), max_length=64, unique=True, help_text=_("SHA-256 of the manifest"))
    manifest = models.TextField(_("manifest"), help_text=_("Canonical JSON, as clients fetch it"))
    templates = models.ManyToManyField(Template, related_name="libraries", verbose_name=_("templates"))
    origin = models.CharField(_("origin"), max_length=10, choices=Origin)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.CANDIDATE, db_index=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    #: The hash of the active library that this one was made of; empty for one that was made as a whole.
    base = models.CharField(max_length=64, blank=True, editable=False)
    promoted = models.DateTimeField(_("promoted"), null=True, blank=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("promoted by"),
        help_text=_("Empty when AURA did it by itself"),
    )
    proposed = models.DateTimeField(_("proposed"), null=True, blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("proposed by"),
        help_text=_("Where two people decide, another one has to approve it"),
    )
    retired = models.DateTimeField(_("retired"), null=True, blank=True)
    shadow = models.JSONField(
        _("shadow measurement"),
        null=True,
        blank=True,
        help_text=_("Bytes of recent answers coded with this library and with the one that was active then"),
    )

    class Meta:
        verbose_name = _("library")
        verbose_name_plural = _("libraries")
        ordering = ("-created", "-pk")
        permissions: ClassVar = [("promote_library", _("Can promote, retire and roll back libraries"))]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="active"), name="compression_one_active_library"
            ),
        ]

    def __str__(self) -> str:
        return self.hash[:12]

    @property
    def waits(self) -> bool:
        """Whether somebody proposed it and another person has to approve it."""
        return self.status == Library.Status.CANDIDATE and self.proposed_by_id is not None

    @property
    def size(self) -> int:
        """Bytes of the manifest."""
        return len(self.manifest.encode())

    @property
    def value(self) -> codec.Library:
        """The library as the codec knows it. Raises LibraryError when the row was changed from outside."""
        return codec.Library.from_manifest(self.manifest, self.hash)


class Sample(models.Model):
    """A redacted answer, kept for a while so that discovery can learn from it: of personal data it has the form alone (see
    discovery.masks)."""

    user = models.CharField(_("pseudonym"), max_length=32, db_index=True)
    text = models.TextField(_("text"))
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")

    def __str__(self) -> str:
        return str(self.pk)


class Dictionary(models.Model):
    """Text that a model is primed with, named by its hash. Libraries name it in their manifests."""

    hash = models.CharField(_("hash"), max_length=64, unique=True)
    content = models.BinaryField(_("dictionary text"))
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("dictionary")
        verbose_name_plural = _("dictionaries")

    def __str__(self) -> str:
        return self.hash[:12]


class DiscoveryRun(models.Model):
    """One run of discovery over the samples from `first` to `last`. At most one is running, in all processes together."""

    class Status(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    class Trigger(models.TextChoices):
        SAMPLES = "samples", _("Enough new samples")
        MANUAL = "manual", _("Asked for")

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger)
    owner = models.CharField(max_length=32, editable=False)
    started = models.DateTimeField(_("started"), auto_now_add=True)
    beat = models.DateTimeField(_("last sign of life"), auto_now_add=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)
    first = models.BigIntegerField(_("first sample"))
    last = models.BigIntegerField(_("last sample"))
    position = models.BigIntegerField(_("sample reached"))
    total = models.PositiveIntegerField(_("samples"))
    done = models.PositiveIntegerField(_("samples done"), default=0)
    cancel_asked = models.BooleanField(_("to be cancelled"), default=False)
    state = models.BinaryField(null=True, editable=False)
    found = models.PositiveIntegerField(_("templates found"), default=0)
    proposed = models.PositiveIntegerField(_("candidates"), default=0)
    dictionary = models.ForeignKey(
        Dictionary, on_delete=models.SET_NULL, null=True, blank=True, verbose_name=_("dictionary")
    )
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("discovery run")
        verbose_name_plural = _("discovery runs")
        ordering = ("-pk",)
        permissions: ClassVar = [("run_discovery", _("Can start and cancel discovery runs"))]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="running"), name="compression_one_discovery_run"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Candidate(Measured):
    """A template that discovery proposes. The same parts are proposed once; who was turned down stays so."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")

    class Level(models.TextChoices):
        MESSAGE = "message", _("Whole message")
        SENTENCE = "sentence", _("Sentence")

    digest = models.CharField(max_length=64, unique=True, editable=False)
    run = models.ForeignKey(DiscoveryRun, on_delete=models.SET_NULL, null=True, verbose_name=_("discovery run"))
    parts = models.JSONField(_("parts"))
    level = models.CharField(_("level"), max_length=10, choices=Level)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING, db_index=True)
    count = models.PositiveIntegerField(_("seen"), help_text=_("Texts that it made, among those mined"))
    users = models.PositiveIntegerField(_("users"), help_text=_("Distinct users at least"))
    saved = models.IntegerField(_("bytes saved"), help_text=_("Over 1,000 answers held out, beside better templates"))
    carrying = models.PositiveIntegerField(_("bytes to carry"), help_text=_("What it adds to the library's download"))
    kinds = models.JSONField(_("slots"), default=list)
    #: For each slot the texts of its forms (compression.codec.forms), None for a slot without.
    forms = models.JSONField(_("forms"), default=list)
    #: What stood in slots is hidden in them unless many users saw it (compression.examples).
    examples = models.JSONField(_("examples"), default=list)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    decided = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
        help_text=_("Empty when AURA did it by itself"),
    )
    template = models.ForeignKey(
        Template, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("template")
    )

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        ordering = ("-saved", "pk")

    def __str__(self) -> str:
        return in_a_line(self.value.pattern())

    @property
    def value(self) -> codec.Template:
        """The template as the codec knows it; its id counts only once it is in a library."""
        return codec.Template(self.template_id or 0, tuple(self.parts))


class Fetched(models.Model):
    """Bytes of libraries and dictionaries that clients fetched on a day of AURA_TIME_ZONE."""

    day = models.DateField(primary_key=True)
    size = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()  # nobody sees or changes one by itself

    def __str__(self) -> str:
        return f"{self.day} {self.size}"
