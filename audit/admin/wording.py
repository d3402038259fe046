"""What the log of the record says, in the language of who reads it. On the record it stands in English, whoever wrote it."""

from collections.abc import Mapping
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
    "recovery codes": _("recovery codes"),
    "second factor": _("second factor"),
    "viewed": _("viewed"),
    "listed": _("listed"),
    "searched": _("searched"),
    "exported": _("exported"),
    "renewed": _("renewed"),
    "set up": _("set up"),
    "taken away": _("taken away"),
    "changed": _("changed"),
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


_METHODS: dict[str, Any] = {
    "raw": _("raw"),
    "template": _("template"),
    "brotli": _("Brotli"),
    "model": _("model"),
}
# The details of entries by their names (docs/reference/record.md, section 1).
_DETAILS: dict[str, Any] = {
    "why": _("purpose"),
    "conversations": _("conversations"),
    "subject": _("subject"),
    "entry": _("entry"),
    "query": _("filter"),
    "words": _("words searched for"),
    "share": _("shared link"),
    "rows": _("rows that were written"),
    "through": _("up to entry"),
    "entries": _("entries"),
    "receipt": _("erasure receipt"),
    "requested_model": _("model asked for"),
    "method": _("method"),
    "methods": _("methods"),
    "text_bytes": _("bytes of text"),
    "wire_bytes": _("bytes on the wire"),
    "after": _("stands behind"),
    "pictures": _("pictures"),
    "transport": _("transport"),
    "key": _("API key"),
    "finish": _("end"),
    "model": _("model"),
    "tier": _("tier"),
    "prompt_tokens": _("tokens of the prompt"),
    "completion_tokens": _("tokens of the answer"),
    "cost": _("cost"),
    "check": _("check value"),
    "first_token_ms": _("first token after"),
    "duration_ms": _("all after"),
    "reason": _("reason"),
    "code": _("code of the fault"),
    "retry_after_ms": _("try again after"),
    "action": _("action"),
    "session": _("session"),
    "direction": _("direction"),
    "job": _("dataset job"),
    "endpoint": _("endpoint"),
    "parameters": _("parameters"),
    "size": _("size"),
    "sha256": _("SHA-256"),
    "position": _("position"),
    "by": _("by"),
    "account": _("account"),
    "voice": _("voice"),
    "heard_ms": _("heard"),
    "spoken_ms": _("spoken"),
    "topic": _("topic"),
}
# What stands in a detail of one of a few words.
_VALUES: dict[str, Any] = {
    **_METHODS,
    "up": _("to the server"),
    "down": _("to the client"),
    "stop": _("complete"),
    "length": _("cut at its greatest length"),
    "cancel": _("stopped by the user"),
    "cancelled": _("stopped by the user"),
    "barge_in": _("interrupted by voice"),
    "dataset_started": _("started"),
    "dataset_received": _("received"),
    "dataset_resumed": _("resumed"),
    "dataset_done": _("done"),
    "dataset_failed": _("failed"),
    "dataset_cancelled": _("cancelled"),
}
_WORDED = frozenset({"method", "direction", "finish", "action"})


def told_methods(counts: Mapping[str, int]) -> str:
    """Return counts by coding method as the chat shows them: `Brotli, raw ×10`."""
    named = ((str(_METHODS.get(name, name)), count) for name, count in sorted(counts.items()))
    return str(_(", ")).join(f"{name} ×{count}" if count > 1 else name for name, count in named)


def told_details(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the details of an entry as labels and values, in the language of the reader.

    Names that are not known here stay as the record has them, so that nothing of an entry is left out.
    """
    return [(str(_DETAILS.get(name, name)), _told(name, value)) for name, value in meta.items()]


def _told(name: str, value: Any) -> str:
    if name == "why":
        return told_purpose(str(value))
    if name == "methods" and isinstance(value, dict):
        return told_methods(value)
    if name == "cost" and isinstance(value, int):
        return f"${value / 1_000_000_000:.9f}".rstrip("0").rstrip(".")
    if name.endswith("_ms") and isinstance(value, int | float):
        return str(_("%(value)s ms")) % {"value": value}
    if name in _WORDED:
        return str(_VALUES.get(str(value), value))
    return _plain(value)


def _plain(value: Any) -> str:
    """Return what JSON can hold in a line that people read."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, dict):
        return "; ".join(f"{_DETAILS.get(name, name)}: {_plain(item)}" for name, item in value.items())
    if isinstance(value, list):
        rows = (item if isinstance(item, list) else [item] for item in value)
        return "\n".join(" ".join(_plain(part) for part in row) for row in rows)
    return str(value)
