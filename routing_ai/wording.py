"""Why a tier answered, in the language of the reader.

What is kept is English: `need 0.69: asks for reasoning, prose, 27 words, digits: stronger model`. Words that are not known
here stay as they are.
"""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# Whole reasons, kinds of questions, and what of a question counts most.
KNOWN = {
    gettext_noop("asked for"),
    gettext_noop("asked for by name"),
    gettext_noop("routing is off"),
    gettext_noop("the same was asked before"),
    gettext_noop("personal data was taken out of what the model was given"),
    gettext_noop("money is short: a cheaper tier"),
    gettext_noop("with a picture"),
    gettext_noop("asks for reasoning"),
    gettext_noop("short and plain"),
    gettext_noop("urgent: a quicker tier"),
    gettext_noop("prose"),
    gettext_noop("choice"),
    gettext_noop("code"),
    gettext_noop("maths"),
    gettext_noop("likeness of the options"),
    gettext_noop("numbers in the options"),
    gettext_noop("length of the words"),
    gettext_noop("brackets"),
    gettext_noop("capitals"),
    gettext_noop("number of words"),
    gettext_noop("logic"),
    gettext_noop("variety"),
    gettext_noop("digits"),
    gettext_noop("commas"),
    gettext_noop("fact"),
    gettext_noop("quantity"),
    gettext_noop("sentences"),
    gettext_noop("numbers"),
    gettext_noop("form of the question"),
    gettext_noop("symbols"),
    gettext_noop("suppositions"),
    gettext_noop("a sentence to be completed"),
    gettext_noop("a case is told"),
    gettext_noop("one of the options is asked for"),
    gettext_noop("formulas in the options"),
    gettext_noop("causes and comparisons in the options"),
    gettext_noop("length of the words in the options"),
    gettext_noop("options that differ by a comparison"),
}
# What the classifier calls features, or called them when a spend was written, in words that say it.
_FEATURES = {
    "option likeness": "likeness of the options",
    "option numbers": "numbers in the options",
    "word length": "length of the words",
    "words": "number of words",
    "question": "form of the question",
    "supposition": "suppositions",
    "unfinished": "a sentence to be completed",
    "a first": "a case is told",
    "which first": "one of the options is asked for",
    "option maths": "formulas in the options",
    "option effects": "causes and comparisons in the options",
    "option word length": "length of the words in the options",
    "option contrast": "options that differ by a comparison",
}
_NEED = re.compile(r"need (\d\.\d\d): (.*)", re.DOTALL)
_COUNT = re.compile(r"(\d+) words")
_TELLING = re.compile(r"([a-z ]+): (stronger|lighter) model")
_SCRIPT = re.compile(r"script (\w+)")
_INSTEAD = re.compile(r"(\w+) could not answer")


def in_words(reason: str) -> str:
    """Return a reason as `routing_ai.services` made it in the language that is active."""
    return _("; ").join(_part(part) for part in reason.split("; ")) if reason else ""


def _part(part: str) -> str:
    need = _NEED.fullmatch(part)
    if need:
        signs = _(", ").join(_sign(sign) for sign in need[2].split(", "))
        return _("need {need} of 1: {signs}").format(need=need[1], signs=signs)
    instead = _INSTEAD.fullmatch(part)
    if instead:
        return _("{tier} could not answer").format(tier=instead[1])
    return _sign(part)


def _sign(sign: str) -> str:
    if sign in KNOWN:
        return _(sign)
    for pattern, words in ((_COUNT, _("{found} words")), (_SCRIPT, _("script {found}"))):
        found = pattern.fullmatch(sign)
        if found:
            return words.format(found=found[1])
    telling = _TELLING.fullmatch(sign)
    if telling:
        feature = _FEATURES.get(telling[1], telling[1])
        words = _("{sign}: for a stronger model") if telling[2] == "stronger" else _("{sign}: for a lighter model")
        return words.format(sign=_(feature) if feature in KNOWN else feature)
    return sign
