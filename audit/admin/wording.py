"""What the log of the record says, in the language of who reads it. On the record it stands in English, whoever wrote it."""

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

PURPOSES: tuple[tuple[str, Any], ...] = (
    ("review", _("Review of flagged conversations")),
    ("subject request", _("A request of the person concerned")),
    ("complaint", _("A complaint")),
    ("investigation", _("An investigation")),
    ("quality", _("Quality of the answers")),
)
# What the log has where nobody is asked why, and the acts themselves.
_LOGGED: dict[str, Any] = {
    "list": _("list"),
    "subject": _("subject"),
    "subjects": _("subjects"),
    "subject access request": _("subject access request"),
    "a shared link": _("a shared link"),
    "viewed": _("viewed"),
    "listed": _("listed"),
    "searched": _("searched"),
    "exported": _("exported"),
    "a conversation was opened": _("a conversation was opened"),
    "a conversation was shared": _("a conversation was shared"),
    "a conversation was taken off the list": _("a conversation was taken off the list"),
    "a conversation was put back on the list": _("a conversation was put back on the list"),
    "a link was revoked": _("a link was revoked"),
    "a note was added: review": _("a note was added"),
    "a note was added: rectification": _("a note of rectification was added"),
    "a user got another name": _("a user got another name"),
    "every key was wrapped by another master key": _("every key was wrapped by another master key"),
    "every subject got a fresh key": _("every subject got a fresh key"),
    "it was proposed to clear the review": _("it was proposed to clear the review"),
    "keys were made for new subjects": _("keys were made for new subjects"),
    "legal holds were released": _("legal holds were released"),
    "the review was assigned": _("the review was assigned"),
    "the review was cleared": _("the review was cleared"),
    "the review was escalated": _("the review was escalated"),
    "the review was opened anew": _("the review was opened anew"),
    "turns were examined": _("turns were examined"),
    "turns were searched for names": _("turns were searched for names"),
    "what else was kept of it is erased": _("what else was kept of it is erased"),
}
# What `TrackedAdmin` writes: the name of a model, and what became of a row of it.
_BECAME = {"added": _("added"), "changed": _("changed"), "deleted": _("deleted")}


def told_purpose(stated: str) -> str:
    """Return a stated purpose in the language of the reader."""
    why, _colon, detail = stated.partition(": ")
    label = str({**_LOGGED, **dict(PURPOSES)}.get(why, why))
    return f"{label}: {detail}" if detail else label


def told_act(text: str) -> str:
    """Return what an entry of the record itself says, in the language of the reader where it is one of the usual things."""
    name, _was, verb = text.partition(" was ")
    if verb in _BECAME and name in apps.all_models["audit"]:
        return f"{apps.get_model('audit', name)._meta.verbose_name}: {_BECAME[verb]}"
    return str(_LOGGED.get(text, text))
