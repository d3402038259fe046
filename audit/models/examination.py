"""What turns are searched for, and what was found."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models.conversation import Conversation
from audit.models.subject import Tracked


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
