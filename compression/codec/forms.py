"""The forms that the values of a slot usually have, and a slot coded by them (wire-format.md, section 4.3)."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from compression.codec.errors import CodecError, LibraryError
from compression.codec.varint import decode_varint, encode_varint, varint_size

#: Stands for one digit, 0 to 9, in a form.
DIGIT: Final = "□"
MAX_FORMS: Final = 1_024
MAX_FORM_BYTES: Final = 256
_DIGITS: Final = re.compile("[0-9]")


class Forms:
    """The usual values of a slot: `texts` in which DIGIT stands for any digit. Immutable.

    Raises LibraryError when there are none or more than 1,024, when one is empty, has over 256 bytes or occurs twice.
    """

    __slots__ = ("_numbers", "texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts: Final = tuple(texts)
        self._numbers: Final = {text: number for number, text in enumerate(self.texts)}
        if not 1 <= len(self.texts) <= MAX_FORMS or len(self._numbers) < len(self.texts):
            raise LibraryError(f"The forms of a slot are 1 to {MAX_FORMS} different texts.")
        for text in self.texts:
            try:
                size = len(text.encode())
            except UnicodeEncodeError as error:
                raise LibraryError("A form holds a lone surrogate.") from error
            if not 1 <= size <= MAX_FORM_BYTES:
                raise LibraryError(f"A form has 1 to {MAX_FORM_BYTES} bytes, not {size}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Forms) and self.texts == other.texts

    def __hash__(self) -> int:
        return hash(self.texts)

    def encode(self, value: str) -> bytes:
        """Return the code of a value: the number of its form and its digits, or its length and its text."""
        form, digits = self._find(value)
        if form is None:
            content = value.encode()
            return encode_varint(len(self.texts) + len(content)) + content
        return encode_varint(form) + (int(digits).to_bytes(_width(len(digits)), "big") if digits else b"")

    def size(self, value: str) -> int:
        """Return the bytes of the code of a value."""
        form, digits = self._find(value)
        if form is None:
            length = len(value) if value.isascii() else len(value.encode())
            return varint_size(len(self.texts) + length) + length
        return varint_size(form) + _width(len(digits))

    def decode(self, data: bytes, position: int) -> tuple[bytes, int]:
        """Return the value whose code begins at `position`, in bytes, and where the code ends. Raises CodecError."""
        code, position = decode_varint(data, position)
        if code >= len(self.texts):
            end = position + code - len(self.texts)
            if end > len(data):
                raise CodecError("truncated")
            return data[position:end], end
        form = self.texts[code]
        count = form.count(DIGIT)
        end = position + _width(count)
        if end > len(data):
            raise CodecError("truncated")
        number = int.from_bytes(data[position:end], "big")
        if number >= 10**count:
            raise CodecError("bad_slot")
        digits = iter(str(number).zfill(count))
        return "".join(next(digits) if sign == DIGIT else sign for sign in form).encode(), end

    def _find(self, value: str) -> tuple[int | None, str]:
        # A value with the sign for a digit in it is no form, whatever stands around it.
        if DIGIT in value:
            return None, ""
        number = self._numbers.get(value)
        if number is not None:
            return number, ""
        number = self._numbers.get(form_of(value))
        return number, "".join(_DIGITS.findall(value)) if number is not None else ""


def form_of(value: str) -> str:
    """Return a value with DIGIT in the place of each digit."""
    return _DIGITS.sub(DIGIT, value)


@cache
def _width(digits: int) -> int:
    """Return how many bytes hold so many decimal digits."""
    largest: int = 10**digits - 1
    return (largest.bit_length() + 7) // 8
