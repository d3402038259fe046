"""Redaction of what the record's finders know as personal data, for apps that may not import the record."""

from audit.records import personal
from compression.discovery import conservative
from compression.discovery.masks import masked


def redacted(text: str) -> str:
    """Return the text for discovery, with the form alone of personal data: found by form and check digits, and by the
    cautious rules."""
    found = [(finding.start, finding.end) for finding in personal.find(text)]
    return masked(text, [*found, *conservative(text)])
