"""What can go wrong with a payload or a library.

    CompressionError
    ├── CodecError     a payload or text is at fault; `name` says how (wire-format.md, section 6)
    └── LibraryError   a template, library or manifest is outside its bounds (wire-format.md, section 4.1)

`compression.errors` adds the errors of the shell to the same tree.
"""

from typing import Final

#: The names of wire-format.md, section 6, each with the sentence an operator reads.
MESSAGES: Final = {
    "truncated": "The payload ends too early.",
    "bad_varint": "A number in the payload is longer than needed or over 2^53 - 1.",
    "unknown_method": "The payload's method byte names no method of this version.",
    "unknown_library": "The payload names a library index that was not issued.",
    "unknown_template": "The payload names a template that its library does not have.",
    "bad_utf8": "The text is not well-formed UTF-8.",
    "trailing_bytes": "There are bytes behind the end of the payload.",
    "bad_slot": "A slot holds a number with more digits than its form has.",
    "bad_brotli": "The payload does not hold a Brotli stream.",
    "not_primed": "The payload needs a model that is not primed here.",
    "bad_model": "The payload does not hold what its model's encoder makes.",
    "too_large": "The text would pass the message limit.",
}


class CompressionError(Exception):
    """Base of all errors of the app `compression`."""


class CodecError(CompressionError):
    """A payload that cannot be decoded, or a text that cannot be coded.

    `name` is one of the names of wire-format.md, section 6; it is what goes into logs and faults.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: {MESSAGES[name]}")
        self.name = name


class LibraryError(CompressionError, ValueError):
    """A template, a library or a manifest that breaks a bound of wire-format.md, section 4.1.

    `bound` names the one that a template breaks: `parts`, `empty`, `surrogate` or `fixed`; it is empty for all others.
    """

    def __init__(self, message: str, bound: str = "") -> None:
        super().__init__(message)
        self.bound = bound
