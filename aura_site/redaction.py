"""Redaction of what the record's finders know as personal data, for apps that may not import the record."""

from audit.records import personal
from compression.samples import cautious


def redacted(text: str) -> str:
    """Return the text for discovery: personal data taken out by form and check digits, then by the cautious rules."""
    pieces: list[str] = []
    at = 0
    for finding in personal.find(text):
        pieces += [text[at : finding.start], "[…]"]
        at = finding.end
    return cautious("".join([*pieces, text[at:]]))
