"""Whose words are on the record, and the keys that these are sealed with."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


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
