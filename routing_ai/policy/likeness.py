"""When two questions ask the same: the form of a question that near-duplicates share."""

import re

# What has a low line in it is a name of a program, or a number as programs have it: it stays in one piece.
_TOKEN = re.compile(r"\w*_\w*|\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]")
# What asks politely and changes nothing, where it can mean nothing else: "Translate: thank you" asks for something. No
# negation is here, no article ("vitamin A"), nothing that could turn an answer.
_POLITE = re.compile(
    r"^(?:(?:(?:hi|hello|hey|thanks|thank you|مرحبا|شكرا)\s*[,.!،]"
    r"|(?:please|kindly|(?:can|could|would) you(?: tell me)?|tell me|من فضلك|رجاء|لو سمحت"
    r"|هل يمكنك أن تخبرني)(?=[\s,،]))[\s,،]*)+"
    r"|(?:[,.!?،؟]\s*(?:please|من فضلك|رجاء|لو سمحت)|[.!?؟]\s*(?:thanks|thank you|شكرا))(?=[\s.!?؟]*$)"
)
# Quotes before words, marks behind them and at the end: not the marks of "x != y", "print('x')", ".5" and "5!".
_MARKS = re.compile(
    r"""(?<!\S)["'“‘«]+|(?<![\s\d)!=<>])[?!.,;:؟،؛…"'”’»]+(?!\S)|(?<=[\d)])[?.,;:؟،؛…"'”’»]+(?!\S)|\s[?!.؟]+$"""
)
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
    return " ".join(_TOKEN.findall(_MARKS.sub(" ", _POLITE.sub("", folded)))) or folded
