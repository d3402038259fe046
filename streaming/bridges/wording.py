"""What is wrong with a route or a message, in the language of who reads it. It is noted in English, and so are the words of
brokers and their clients, which stay as they are."""

from django.utils.translation import gettext_noop

from audit import wording

KNOWN = (
    gettext_noop("%(name)s is not BROKER:CHANNEL, topic:NAME or outbox:NAME"),
    gettext_noop("%(name)s: a topic is named by parts of letters, digits, '.', '_' and '-', joined by '/'"),
    gettext_noop("only the server writes in %(name)s: subscribe to it, and publish under another name"),
    gettext_noop("there is no broker %(name)s in AURA_BROKERS; there are: %(known)s"),
    gettext_noop("an outbox is filled by programs; a route leads from it"),
    gettext_noop("an outbox is read from its oldest message on: what is in it is still to be sent"),
    gettext_noop("this route leads to where it comes from"),
    gettext_noop("a route with a topic needs an active user, whose topics they are"),
    gettext_noop("a filter has at most %(count)s fields"),
    gettext_noop("a filter is a JSON object"),
    gettext_noop("a filter is a JSON object: %(why)s"),
    gettext_noop('"%(name)s" is not a path of 1 to %(count)s names'),
    gettext_noop('"%(name)s": a rule is {"prefix": "..."}'),
    gettext_noop('"%(name)s" has more than %(count)s values'),
    gettext_noop('"%(name)s": a value is a text, a number, true, false or null'),
    gettext_noop('a mapping is JSON, for example {"order": "$data.id"} or "$data": %(why)s'),
    gettext_noop("a mapping is nested at most %(count)s deep"),
    gettext_noop("a mapping has at most %(count)s values"),
    gettext_noop("what the mapping makes cannot be written as JSON: %(why)s"),
)


def in_words(text: str) -> str:
    """Return an error of a route, or the reason of a dead letter, in the active language as far as it is AURA's own."""
    return wording.in_words(text, KNOWN)
