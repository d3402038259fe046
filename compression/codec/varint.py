"""Varints: unsigned integers from 0 to 2^53 - 1 in one to eight bytes (wire-format.md, section 1; LEB128)."""

from typing import Final

from compression.codec.errors import CodecError

#: The largest value: what a JavaScript number holds exactly.
MAX_VARINT: Final = 2**53 - 1
_MAX_BYTES: Final = 8


def encode_varint(number: int) -> bytes:
    """Return the shortest coding of `number`.

    Raises ValueError when `number` is below 0 or above MAX_VARINT.
    """
    if 0 <= number < 0x80:
        return bytes((number,))
    if not 0 <= number <= MAX_VARINT:
        raise ValueError(f"A varint holds 0 to 2^53 - 1, not {number}.")
    coded = bytearray()
    while number >= 0x80:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)


def varint_size(number: int) -> int:
    """Return how many bytes `encode_varint(number)` has."""
    return max(1, (number.bit_length() + 6) // 7)


def decode_varint(data: bytes, position: int = 0) -> tuple[int, int]:
    """Return the number coded in `data` from `position` on, and the position behind it.

    Raises CodecError `truncated` when `data` ends first, `bad_varint` for a coding that is longer than needed
    or a value over MAX_VARINT.
    """
    if position < len(data) and data[position] < 0x80:
        return data[position], position + 1
    number = 0
    for count in range(_MAX_BYTES):
        if position + count >= len(data):
            raise CodecError("truncated")
        byte = data[position + count]
        number |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if number > MAX_VARINT or (byte == 0 and count > 0):
                raise CodecError("bad_varint")
            return number, position + count + 1
    raise CodecError("bad_varint")
