"""When two questions ask the same: the form of a question that near-duplicates share."""

import re

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]")
# What asks politely and changes nothing. No negation is here, no article ("vitamin A"), nothing that could turn an answer.
_POLITE = re.compile(
    r"\b(?:please|kindly|hi|hello|hey|thanks|thank you|(?:can|could|would) you(?: tell me)?|tell me)\b"
    r"|\b(?:من فضلك|رجاء|لو سمحت|مرحبا|شكرا|هل يمكنك أن تخبرني)\b"
)
_MARKS = frozenset("?!.,;:؟،؛…\"'“”‘’«»")
# Longer ones are texts to work on: there every mark may matter.
LIMIT = 400


def form(question: str) -> str:
    """Return what is left when case, spacing, marks at the ends of words and polite words are taken away.

    Order, numbers, negations, names and all else stay: "Austria" is not "Australia", and two questions that differ in one
    word of meaning have different forms. A question longer than LIMIT is its own form.
    """
    if len(question) > LIMIT:
        return question
    folded = " ".join(question.casefold().split())
    tokens = [token for token in _TOKEN.findall(_POLITE.sub(" ", folded)) if token not in _MARKS]
    return " ".join(tokens) or folded
