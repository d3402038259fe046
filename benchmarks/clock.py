"""Times as words, for models that say when they said what. They are letters: figures look like telephone numbers to whoever
looks for personal data, and that costs time which words do not cost."""

_LETTERS = bytes.maketrans(b"0123456789", b"ghijklmnop")
_FIGURES = str.maketrans("ghijklmnop", "0123456789")
# Nanoseconds of a unit: 0.1 ms, so that a word is as long as words are.
UNIT = 100_000


def word(moment: int) -> bytes:
    """Return the word for a time in nanoseconds."""
    return (b"%x" % (moment // UNIT)).translate(_LETTERS)


def moment(word: str) -> int:
    """Return the time in nanoseconds, up to UNIT earlier."""
    return int(word.translate(_FIGURES), 16) * UNIT
