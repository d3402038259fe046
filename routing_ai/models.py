"""Tables: API keys, budgets, and the ledger of what was spent."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _


class ApiKey(models.Model):
    """A key of a user's program. Only a hash of it is kept: 256 random bits need no slow hash."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(_("SHA-256"), max_length=64, unique=True, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Budget(models.Model):
    """What may be spent a day: by one user, or, without a user, by all together."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        verbose_name=_("user"),
        help_text=_("Empty: the budget of all users together, in the place of LLM_DAILY_BUDGET."),
    )
    daily_limit = models.DecimalField(
        _("US dollars a day"), max_digits=18, decimal_places=9, validators=[MinValueValidator(0)]
    )
    time_zone = models.CharField(_("time zone of the day"), max_length=64, default="UTC")

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints: ClassVar = [models.UniqueConstraint(Coalesce("user", 0), name="routing_ai_one_budget_each")]

    def __str__(self) -> str:
        return str(self.user) if self.user else str(_("everybody"))


class Spend(models.Model):
    """One call: reserved at its worst before it, settled with its real cost after it, or released.

    `amount` is what counts against the budgets. A reservation whose process was killed counts at its worst for its day.
    """

    RESERVED, SETTLED, RELEASED = "reserved", "settled", "released"
    STATES: ClassVar = [(RESERVED, _("reserved")), (SETTLED, _("settled")), (RELEASED, _("released"))]

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="spends", verbose_name=_("user")
    )
    stream = models.UUIDField(_("stream"), null=True, db_index=True)
    created = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    state = models.CharField(_("state"), max_length=8, choices=STATES)
    tier = models.CharField(_("tier"), max_length=16)
    model = models.CharField(_("model"), max_length=128)
    amount = models.DecimalField(_("US dollars"), max_digits=18, decimal_places=9)
    prompt_tokens = models.PositiveIntegerField(_("tokens of the prompt"), default=0)
    completion_tokens = models.PositiveIntegerField(_("tokens of the answer"), default=0)
    reason = models.CharField(_("why this tier"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("spend")
        verbose_name_plural = _("spends")
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.model} {self.amount}"
