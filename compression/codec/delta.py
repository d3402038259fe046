"""What turns bytes that a client holds into others: the download of a new version (wire-format.md, section 8)."""

from typing import Final

from compression.codec.errors import CodecError, LibraryError
from compression.codec.varint import decode_varint, encode_varint

#: What a delta is called in HTTP.
CONTENT_TYPE: Final = "application/vnd.aura.delta"
#: Bytes that are looked up in the source at a time, and the shortest copy: a shorter one costs as much as it saves.
_BLOCK: Final = 16
_TRIED: Final = 8
_LEAST: Final = 24


def delta(source: bytes, target: bytes) -> bytes:
    """Return what makes `target` of `source`. Greedy: of a few places of the next block the longest copy is taken."""
    places: dict[bytes, list[int]] = {}
    for at in range(0, len(source) - _BLOCK + 1, _BLOCK // 4):
        found = places.setdefault(source[at : at + _BLOCK], [])
        if len(found) < _TRIED:
            found.append(at)
    made = bytearray()
    literal = at = behind = 0
    while at + _BLOCK <= len(target):
        best, begin, start = 0, at, 0
        # What followed the last copy in the source is the likeliest place of all.
        for place in (behind + at - literal, *places.get(target[at : at + _BLOCK], ())):
            back = _common(source, place, target, at, at - literal, -1)
            size = back + _common(source, place, target, at, len(target) - at, 1)
            if size > best:
                best, begin, start = size, at - back, place - back
        if best < _LEAST:
            at += 1
            continue
        made += encode_varint(begin - literal) + target[literal:begin] + encode_varint(start) + encode_varint(best)
        literal = at = begin + best
        behind = start + best
    if literal < len(target):
        made += encode_varint(len(target) - literal) + target[literal:]
    return bytes(made)


def _common(source: bytes, place: int, target: bytes, at: int, most: int, step: int) -> int:
    """Return how many bytes agree from both places on, or before them when `step` is -1; at most `most`."""
    most = min(most, len(source) - place if step > 0 else place)
    same, size = 0, 64
    # Compared in growing pieces, so that long copies cost little.
    while same < most:
        size = min(size, most - same)
        if step > 0:
            one, other = source[place + same : place + same + size], target[at + same : at + same + size]
        else:
            one = source[place - same - size : place - same]
            other = target[at - same - size : at - same]
        if one == other:
            same, size = same + size, 2 * size
        elif size == 1:
            break
        else:
            # The difference lies in this piece.
            most, size = same + size, size // 2
    return same


def patch(source: bytes, made: bytes, limit: int) -> bytes:
    """Return the bytes that a delta makes of `source`: at most `limit`. Raises LibraryError for what is no delta of it."""
    target = bytearray()
    at = 0
    try:
        while at < len(made):
            count, at = decode_varint(made, at)
            if count > len(made) - at:
                raise LibraryError("The delta ends too early.")
            target += made[at : at + count]
            at += count
            if at < len(made):
                start, at = decode_varint(made, at)
                count, at = decode_varint(made, at)
                if start + count > len(source):
                    raise LibraryError("The delta belongs to other bytes.")
                target += source[start : start + count]
            if len(target) > limit:
                raise LibraryError("The delta makes too many bytes.")
    except CodecError as error:
        raise LibraryError("The delta holds what is no number.") from error
    return bytes(target)
