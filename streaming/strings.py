"""The texts that the chat's scripts show, translated where the page is rendered."""

from django.utils.translation import gettext as _


def chat_strings() -> dict[str, str]:
    """Return the texts by the names that `static/aura/chat/` uses. `{name}` stands for a value."""
    return {
        "connecting": _("Connecting…"),
        "connected": _("Connected"),
        "waiting": _("Line lost: trying again in {seconds} s"),
        "offline": _("Offline: the conversation goes on when the network is back"),
        "refused": _("The server refused the connection: {reason}. Reload the page."),
        "you": _("You"),
        "model": _("Model"),
        "thinking": _("Thinking…"),
        "demo": _("demo model"),
        "demoHelp": _("This small model runs inside AURA and is often wrong: the operator can configure a better one."),
        "free": _("free"),
        # xgettext:no-python-format
        "saved": _("{percent} % saved"),
        # xgettext:no-python-format
        "larger": _("{percent} % more"),
        "bytes": _("{before} → {after} B"),
        "firstToken": _("first token {ms} ms"),
        "template": _("template"),
        "brotli": _("Brotli"),
        "raw": _("raw"),
        "modelCoding": _("model"),
        "cancelled": _("Stopped."),
        "length": _("The answer was cut at its greatest length."),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "retry": _("Ask again"),
        "edit": _("Edit"),
        "finished": _("The answer is complete."),
        "failed": _("The answer failed."),
        "empty": _("No conversations yet"),
        "untitled": _("Untitled"),
        "notLoaded": _("The conversation could not be loaded."),
    }
