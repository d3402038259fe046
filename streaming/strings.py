"""The texts that the chat's scripts show, translated where the page is rendered."""

from django.utils.translation import gettext as _


def chat_strings() -> dict[str, str]:
    """Return the texts by the names that `static/aura/chat/` uses. `{name}` stands for a value."""
    return {
        "connecting": _("Connecting…"),
        "connected": _("Connected"),
        "waiting": _("Line lost"),
        "offline": _("Offline: the conversation goes on when the network is back"),
        "tryingIn": _("next try in {seconds} s"),
        "tryNow": _("Try now"),
        "refused": _("The server refused the connection: {reason}"),
        "refusedPlain": _("The server refused the connection."),
        "reload": _("Reload the page"),
        "signedOut": _("You are signed out."),
        "signIn": _("Sign in"),
        "you": _("You"),
        "model": _("Model"),
        "thinking": _("Thinking…"),
        "waitingForLine": _("This is asked as soon as the line is back."),
        "demo": _("demo model"),
        "demoHelp": _("This small model runs inside AURA and is often wrong: the operator can configure a better one."),
        "free": _("free"),
        # xgettext:no-python-format
        "saved": _("{percent} % saved"),
        # xgettext:no-python-format
        "larger": _("{percent} % more"),
        "bytes": _("{before} → {after} B"),
        "savedHelp": _("Text of this visit, and what it took on the wire. Libraries took {library} B more, once."),
        "comma": _(", "),
        "firstToken": _("first token {ms} ms"),
        "template": _("template"),
        "brotli": _("Brotli"),
        "raw": _("raw"),
        "modelCoding": _("model"),
        "cancelled": _("Stopped."),
        "length": _("The answer was cut at its greatest length."),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "code": _("code"),
        "retry": _("Ask again"),
        "retryIn": _("Ask again in {seconds} s"),
        "edit": _("Edit"),
        "finished": _("The answer is complete."),
        "failed": _("The answer failed."),
        "empty": _("No conversations yet"),
        "untitled": _("Untitled"),
        "notLoaded": _("The conversation could not be loaded."),
        "tryAgain": _("Try again"),
    }
