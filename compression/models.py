"""Templates and libraries. Both are immutable: a library only changes its status, a template nothing."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compression import codec


class Template(models.Model):
    """A template by its id, which stands for the same parts for ever."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    parts = models.JSONField(_("parts"), help_text=_("The fixed texts; between each two of them is a slot."))

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.id}: {self.value.pattern()}"

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
    retired = models.DateTimeField(_("retired"), null=True, blank=True)

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
    def size(self) -> int:
        """Bytes of the manifest."""
        return len(self.manifest.encode())

    @property
    def value(self) -> codec.Library:
        """The library as the codec knows it. Raises LibraryError when the row was changed from outside."""
        return codec.Library.from_manifest(self.manifest, self.hash)
