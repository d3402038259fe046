"""Tables: API keys, models of the tiers, budgets with their days, and the ledger of what was spent."""

from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from routing_ai.policy import prices
from routing_ai.policy.tiers import ORDER


class ApiKey(models.Model):
    """A key of a user's program. Only a hash of it is kept: 256 random bits need no slow hash."""

    CHAT, MODELS = "chat", "models"
    SCOPES: ClassVar = [(CHAT, _("ask models")), (MODELS, _("list models"))]

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(_("SHA-256"), max_length=64, unique=True, editable=False)
    scopes = models.CharField(
        _("may"),
        max_length=200,
        blank=True,
        help_text=_("Of chat, models, with spaces between. Empty: all that its user may."),
    )
    models_allowed = models.CharField(
        _("models"), max_length=500, blank=True, help_text=_("Tiers and models, with spaces between. Empty: all.")
    )
    requests_a_minute = models.PositiveIntegerField(_("requests a minute"), null=True, blank=True)
    tokens_a_minute = models.PositiveIntegerField(_("tokens a minute"), null=True, blank=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def clean(self) -> None:
        known = {scope for scope, _words in self.SCOPES}
        if not set(self.scopes.split()) <= known:
            raise ValidationError({"scopes": _("Of chat, models, with spaces between. Empty: all that its user may.")})


class TierModel(models.Model):
    """A model of a tier, chosen in the admin. A tier with any takes no notice of its setting (NANO_MODEL and so on)."""

    tier = models.CharField(_("tier"), max_length=8, choices=[(tier.value, tier.value) for tier in ORDER])
    position = models.PositiveSmallIntegerField(
        _("position"), default=0, help_text=_("The lowest is asked first; the next one when it fails.")
    )
    provider = models.CharField(
        _("provider"), max_length=64, help_text=_("embedded, openrouter, openai, or of AURA_ENDPOINTS")
    )
    model = models.CharField(_("model"), max_length=128)
    price_in = models.DecimalField(
        _("US dollars a million tokens of prompt"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: the list price, if there is one."),
    )
    price_out = models.DecimalField(
        _("US dollars a million tokens of answer"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    context = models.PositiveIntegerField(_("context, tokens"), null=True, blank=True)
    latency_ms = models.PositiveIntegerField(_("aim for the first token, ms"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("model of a tier")
        verbose_name_plural = _("models of the tiers")
        ordering = ("tier", "position", "pk")

    def __str__(self) -> str:
        return f"{self.tier}: {self.provider}:{self.model}"

    @property
    def content(self) -> tuple[Any, ...]:
        """All that counts, for comparison."""
        return tuple(getattr(self, field.attname) for field in self._meta.concrete_fields)

    def clean(self) -> None:
        if (self.price_in is None) != (self.price_out is None):
            raise ValidationError(_("State both prices, or none."))


def _known_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("%(name)s is no time zone: write it as in Europe/Berlin."), params={"name": name})


class Budget(models.Model):
    """What may be spent a day: by one user, one team (a group of users), one API key, or by all together."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("user")
    )
    team = models.OneToOneField("auth.Group", on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("team"))
    api_key = models.OneToOneField(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("API key"), related_name="budget"
    )
    daily_limit = models.DecimalField(
        _("US dollars a day"), max_digits=18, decimal_places=9, validators=[MinValueValidator(0)]
    )
    time_zone = models.CharField(_("time zone of the day"), max_length=64, default="UTC", validators=[_known_zone])

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user=None, team=None) | Q(user=None, api_key=None) | Q(team=None, api_key=None),
                name="routing_ai_budget_of_one",
                violation_error_message=_("A budget is for a user, a team or a key, not for two of them."),
            ),
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(user=None, team=None, api_key=None),
                name="routing_ai_one_budget_for_all",
                violation_error_message=_("There is a budget for everybody already."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.user or self.team or self.api_key or _("everybody"))

    def save(self, *args: Any, **kwargs: Any) -> None:
        counted = ("user_id", "team_id", "api_key_id", "time_zone")
        before = Budget.objects.filter(pk=self.pk).values_list(*counted).first()
        with transaction.atomic():
            super().save(*args, **kwargs)
            if before not in (None, tuple(getattr(self, name) for name in counted)):
                # Its sums are of what somebody else spent, or of other days: the ledger adds them up anew.
                BudgetDay.objects.filter(budget=self.pk).delete()


class BudgetDay(models.Model):
    """What counts against a budget on one day of its zone, reservations included, in 10^-9 US dollars.

    A sum that the ledger keeps so that it need not add a day up for each call; one that is missing is added up anew.
    """

    budget = models.BigIntegerField(help_text="0: everybody's by LLM_DAILY_BUDGET, which has no row in budgets")
    day = models.DateField()
    nano = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["budget", "day"], name="routing_ai_one_sum_a_day")]

    def __str__(self) -> str:
        return f"{self.budget} {self.day} {self.nano}"


class Spend(models.Model):
    """One call: reserved at its worst before it, settled with its real cost after it, or released.

    `nano` (10^-9 US dollars) is what counts against the budgets. `renewed` is the last sign of life of the process that
    reserved: without one it is healed (see `healing`).
    """

    RESERVED, SETTLED, RELEASED = "reserved", "settled", "released"
    STATES: ClassVar = [(RESERVED, _("reserved")), (SETTLED, _("settled")), (RELEASED, _("released"))]

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="spends", verbose_name=_("user")
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="spends", verbose_name=_("API key")
    )
    stream = models.UUIDField(_("stream"), null=True, db_index=True)
    created = models.DateTimeField(_("time"), db_index=True)
    renewed = models.DateTimeField(_("renewed"))
    state = models.CharField(_("state"), max_length=8, choices=STATES)
    tier = models.CharField(_("tier"), max_length=16)
    model = models.CharField(_("model"), max_length=128)
    nano = models.BigIntegerField(_("10^-9 US dollars"))
    best_nano = models.BigIntegerField(_("with the best tier, 10^-9 US dollars"), default=0)
    prompt_tokens = models.PositiveIntegerField(_("tokens of the prompt"), default=0)
    completion_tokens = models.PositiveIntegerField(_("tokens of the answer"), default=0)
    reason = models.CharField(_("why this tier"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("spend")
        verbose_name_plural = _("spends")
        ordering = ("-created",)
        indexes: ClassVar = [
            models.Index(fields=["user", "created"], name="routing_ai_spend_by_user"),
            models.Index(fields=["renewed"], condition=Q(state="reserved"), name="routing_ai_spend_open"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.amount}"

    @property
    def amount(self) -> Decimal:
        """US dollars."""
        return prices.dollars(self.nano)
