"""One template: fixed parts with slots between them (wire-format.md, section 4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from compression.codec.errors import LibraryError
from compression.codec.forms import Forms
from compression.codec.varint import MAX_VARINT, varint_size

MAX_PARTS: Final = 32
MAX_FIXED_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Template:
    """A template; `parts` are its fixed texts, and between each two of them is a slot.

    `forms` are the forms of each slot's values, None for a slot of free text; empty when no slot has any. They belong to a
    library's way of coding, so templates that differ in nothing else are equal.

    Raises LibraryError for an id outside 0 to 2^53 - 1, no part or more than 32, an empty part between two
    slots, fixed text of 0 or more than 4,096 bytes, and forms for another number of slots.
    """

    id: int
    parts: tuple[str, ...]
    forms: tuple[Forms | None, ...] = field(default=(), repr=False, compare=False)
    #: Bytes of all parts in UTF-8.
    fixed_bytes: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.id <= MAX_VARINT:
            raise LibraryError(f"A template's id is 0 to 2^53 - 1, not {self.id}.")
        if not 1 <= len(self.parts) <= MAX_PARTS:
            words = f"Template {self.id} has {len(self.parts)} parts; 1 to {MAX_PARTS} are allowed."
            raise LibraryError(words, "parts")
        if "" in self.parts[1:-1]:
            raise LibraryError(f"Template {self.id} has two slots with nothing between them.", "empty")
        try:
            fixed_bytes = sum(len(part.encode()) for part in self.parts)
        except UnicodeEncodeError as error:
            raise LibraryError(f"Template {self.id} holds a lone surrogate.", "surrogate") from error
        if not 1 <= fixed_bytes <= MAX_FIXED_BYTES:
            words = f"Template {self.id} has {fixed_bytes} fixed bytes; 1 to {MAX_FIXED_BYTES} are allowed."
            raise LibraryError(words, "fixed")
        if self.forms and (len(self.forms) != self.slot_count or not any(self.forms)):
            raise LibraryError(f"Template {self.id} has forms for {len(self.forms)} slots, or none at all.")
        object.__setattr__(self, "fixed_bytes", fixed_bytes)

    @property
    def slot_count(self) -> int:
        """How many slots the template has."""
        return len(self.parts) - 1

    def match(self, text: str) -> list[str] | None:
        """Return the slot values that make `text`, or None when the template does not match it.

        The first part must be the text's beginning, the last its end; each one between is taken at its
        leftmost occurrence. That is complete: if any assignment of slots makes the text, the leftmost one
        does. No search goes back, so the cost is linear in the text whatever it holds.
        """
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return [] if text == first else None
        position, end = len(first), len(text) - len(last)
        if position > end or not text.startswith(first) or not text.endswith(last):
            return None
        slots = []
        for part in self.parts[1:-1]:
            found = text.find(part, position, end)
            if found < 0:
                return None
            slots.append(text[position:found])
            position = found + len(part)
        slots.append(text[position:end])
        return slots

    def fill(self, slots: Sequence[str]) -> str:
        """Return the text that the template makes with `slots`, one value for each slot."""
        pieces = [self.parts[0]]
        for slot, part in zip(slots, self.parts[1:], strict=True):
            pieces += slot, part
        return "".join(pieces)

    def pattern(self) -> str:
        """Return the template for people to read: `{0}`, `{1}` ... stand where its slots are."""
        return self.fill([f"{{{number}}}" for number in range(self.slot_count)])

    def coded_size(self, slots: Sequence[str]) -> int:
        """Return the bytes of a template payload with these `slots`, method byte included."""
        if self.forms:
            return self._formed_size(slots)
        sizes = [len(slot) if slot.isascii() else len(slot.encode()) for slot in slots]
        # A length under 128 is one byte.
        lengths = sum([1 if size < 128 else varint_size(size) for size in sizes[:-1]])
        return 1 + varint_size(self.id) + sum(sizes) + lengths

    def least_size(self, length: int) -> int:
        """Return the fewest bytes that the payload of a text of `length` bytes in UTF-8 takes."""
        # The last slot has no length before it: without forms it may be empty, and take nothing.
        lengths = max(0, self.slot_count - 1)
        if self.forms:
            return 1 + varint_size(self.id) + lengths + (self.forms[-1] is not None)
        return 1 + varint_size(self.id) + lengths + length - self.fixed_bytes

    def _formed_size(self, slots: Sequence[str]) -> int:
        size = 1 + varint_size(self.id)
        for number, (forms, slot) in enumerate(zip(self.forms, slots, strict=True), start=1):
            if forms is not None:
                size += forms.size(slot)
            else:
                length = len(slot.encode())
                size += length + (varint_size(length) if number < len(slots) else 0)
        return size
