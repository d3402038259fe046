"""Tables of the site: heartbeats of processes, counts of tasks, one-time sign-in links, and what a user must do first."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """When a part of AURA last showed that it lives."""

    name = models.CharField(_("name"), max_length=64, primary_key=True)
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name


class TaskCount(models.Model):
    """How often a task of the worker ended well and otherwise, and how long that took, since the installation began."""

    name = models.CharField(_("name"), max_length=128, primary_key=True)
    succeeded = models.PositiveBigIntegerField(_("succeeded"), default=0)
    failed = models.PositiveBigIntegerField(_("failed"), default=0)
    seconds = models.FloatField(_("seconds"), default=0.0)
    at = models.DateTimeField(_("time"), null=True)

    class Meta:
        verbose_name = _("task count")
        verbose_name_plural = _("task counts")

    def __str__(self) -> str:
        return self.name


class SignInLink(models.Model):
    """A link that signs its user in, once. Only the SHA-256 of its token is kept."""

    digest = models.CharField(_("SHA-256"), max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, verbose_name=_("user"))
    expires = models.DateTimeField(_("expires"))
    used = models.DateTimeField(_("used"), null=True)

    class Meta:
        verbose_name = _("sign-in link")
        verbose_name_plural = _("sign-in links")

    def __str__(self) -> str:
        return f"{self.user} {self.expires}"


class OneTimePassword(models.Model):
    """Marks a user whose password was printed at first start and must be replaced."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="one_time_password"
    )

    class Meta:
        verbose_name = _("one-time password")
        verbose_name_plural = _("one-time passwords")

    def __str__(self) -> str:
        return str(self.user)
