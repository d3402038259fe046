"""Makes varints.json and payloads.json: `python -m tests.vectors.codec`.

Texts and invalid bytes are written here by hand; the coded bytes come from the Python codec. The files are read by
tests/compression/test_vectors.py and by tests/js/codec/vectors.test.mjs.
"""

import json
from pathlib import Path
from typing import Any

import brotli

from compression.codec import Forms, Library, Template, default_library, encode, encode_template, encode_varint

FOLDER = Path(__file__).parent
CITIES = Forms(["Oslo", "Lima", "24/7", "Dún Laoghaire"])
NUMBERS = Forms(["#□□□□□□□□", "□□.□□.□□□□", "$□.□□", "24/7", "+□□ □□ □□□□ □□□□ □□□□ □□□□ □□□□"])
STREAM = brotli.compress(b"Brotli codes this sentence, and this sentence, and this sentence again.", lgwin=16)

LIBRARIES = {
    "default": default_library(),
    "small": Library(
        [
            Template(0, ("Hello, ", "!")),
            Template(1, ("Hello, ", " and ", "!")),
            Template(127, ("", " is on its way")),
            Template(128, ("Bye, ", "")),
            Template(129, ("Good night",)),
            Template(300, ("", "→", "→", "")),
            Template(2**53 - 1, ("\ufeff😀 ", " 😀")),
        ]
    ),
    "formed": Library(
        [
            Template(128, ("To ", " by ", "."), (CITIES, None)),
            Template(129, ("Order ", " for ", " in ", ""), (NUMBERS, None, CITIES)),
            Template(130, ("Your call: ", ""), (NUMBERS,)),
            Template(131, ("Good ", "!")),
        ]
    ),
    "crowded": Library(
        Template(number, ("Your order ", f" is {state} and number {number} of ", ", thank you."))
        for number, state in enumerate(["packed", "sent", "delayed", "lost", "found"] * 6)
    ),
}

VARINTS = [0, 1, 127, 128, 255, 300, 16_383, 16_384, 2**21, 2**28 - 1, 2**28, 2**32, 2**35, 2**49, 2**53 - 1]
BAD_VARINTS = {
    "": "truncated",
    "80": "truncated",
    "ffffffffffffff": "truncated",
    "8000": "bad_varint",
    "ff00": "bad_varint",
    "8080808080808000": "bad_varint",
    "8080808080808010": "bad_varint",
    "ffffffffffffff10": "bad_varint",
    "ffffffffffffff7f": "bad_varint",
    "808080808080808001": "bad_varint",
}

# text, library, index
TEXTS: list[tuple[str, str | None, int]] = [
    ("", None, 0),
    ("", "small", 1),
    ("a", None, 0),
    ("Hello", "default", 1),
    ("مرحبا بالعالم", None, 0),
    ("\ufeffmark", None, 0),
    ("zero \0 byte", None, 0),
    ("👩‍👩‍👧‍👦 你好", None, 0),
    ("Hello! How can I help you today?", "default", 1),
    ("Hello! How can I help you today?", "default", 31),
    ("Hello! How can I help you today? ", "default", 1),
    ("Is there anything else I can help you with today?", None, 0),
    (default_library().template(100).fill(["photosynthesis"]), "default", 2),  # type: ignore[union-attr]
    (default_library().template(101).fill(["TCP", "UDP"]), "default", 1),  # type: ignore[union-attr]
    ("Hello, Ann!", "small", 1),
    ("Hello, Ann and Bob!", "small", 1),
    ("Hello, and !", "small", 1),
    ("Hello,  and !", "small", 1),
    ("Hello, 日本 and 😀 and me!", "small", 3),
    ("Bye, ", "small", 1),
    ("Bye, it is on its way", "small", 1),
    ("Good night", "small", 1),
    ("a→b→c", "small", 1),
    ("→→", "small", 1),
    ("→→→", "small", 1),
    ("\ufeff😀 x 😀", "small", 1),
    ("\ufeff😀 😀", "small", 1),
    ("Your order 17 is sent and number 6 of today, thank you.", "crowded", 1),
    ("Your order 17 is lost and number 6 of today, thank you.", "crowded", 1),
    ("Your order  is found and number 29 of , thank you.", "crowded", 1),
    ("To Oslo by train.", "formed", 1),
    ("To Dún Laoghaire by 日本.", "formed", 1),
    ("To Rome by .", "formed", 1),
    ("Order #00012345 for Ann in Lima", "formed", 1),
    ("Order 24/7 for Bob and Eve in the town of Rome", "formed", 1),
    ("Order 24.12.2026 for x in 24/7", "formed", 31),
    ("Order #123456789 for Ann in 24/8", "formed", 1),
    ("Your call: $9.99", "formed", 1),
    ("Your call: $□.99", "formed", 1),
    ("Your call: +99 99 9999 9999 9999 9999 9999", "formed", 1),
    ("Your call: +00 00 0000 0000 0000 0000 0001", "formed", 1),
    ("Good morning!", "formed", 1),
    ("Never again, never again, never again, never again.", None, 0),
    ("لن أكررها، لن أكررها، لن أكررها، لن أكررها، لن أكررها.", "default", 1),
    ("The quick brown fox jumps over the lazy dog. " * 40, None, 0),
]

# template id, slots, library, index
FILLED = [
    (100, ["topic"], "default", 1),
    (0, ["x" * 300], "small", 1),
    (1, ["y" * 200, ""], "small", 1),
    (300, ["", "", ""], "small", 31),
    (128, ["Oslo", ""], "formed", 1),
    (129, ["", "y" * 200, "z" * 300], "formed", 1),
    (130, [""], "formed", 1),
]

# bytes, library, error; the library stands at index 1
INVALID: list[tuple[str, bytes, str | None, str]] = [
    ("empty", b"", None, "truncated"),
    ("raw with an index", b"\x08hi", "small", "unknown_method"),
    ("raw, not UTF-8", b"\x00\xff", None, "bad_utf8"),
    ("raw, overlong", b"\x00\xc0\x80", None, "bad_utf8"),
    ("raw, a surrogate", b"\x00\xed\xa0\x80", None, "bad_utf8"),
    ("raw, cut in a character", b"\x00\xe2\x82", None, "bad_utf8"),
    ("raw, over U+10FFFF", b"\x00\xf4\x90\x80\x80", None, "bad_utf8"),
    ("brotli with an index", b"\x0a" + STREAM, "small", "unknown_method"),
    ("model without an index", b"\x03", None, "not_primed"),
    ("model that is not primed", b"\x0bx", "small", "not_primed"),
    ("method 7", b"\x0fx", "small", "unknown_method"),
    ("template without an index", b"\x01\x00", "small", "unknown_library"),
    ("template, index not issued", b"\x11\x00", "small", "unknown_library"),
    ("template, no library", b"\x09\x00", None, "unknown_library"),
    ("template, no id", b"\x09", "small", "truncated"),
    ("template, id cut", b"\x09\x80", "small", "truncated"),
    ("template, id too long", b"\x09\x80\x00", "small", "bad_varint"),
    ("template, id not there", b"\x09\x02x", "small", "unknown_template"),
    ("template, no slot length", b"\x09\x01", "small", "truncated"),
    ("template, slot length cut", b"\x09\x01\x80", "small", "truncated"),
    ("template, slot length too long", b"\x09\x01\x81\x00a", "small", "bad_varint"),
    ("template, slot cut", b"\x09\x01\x05abcd", "small", "truncated"),
    ("template, huge slot", b"\x09\x01\xff\xff\xff\xff\xff\xff\xff\x0fabcd", "small", "truncated"),
    ("template, slot not UTF-8", b"\x09\x00\xff", "small", "bad_utf8"),
    ("template, character cut between slots", b"\x09\x01\x01\xc3\xa4", "small", "bad_utf8"),
    ("template without slots, more bytes", b"\x09\x81\x01x", "small", "trailing_bytes"),
    ("form, no code", b"\x09\x80\x01", "formed", "truncated"),
    ("form, code too long", b"\x09\x80\x01\x80\x00", "formed", "bad_varint"),
    ("form, text cut", b"\x09\x80\x01\x07Ro", "formed", "truncated"),
    ("form, huge text", b"\x09\x80\x01\xff\xff\xff\xff\xff\xff\xff\x0fRome", "formed", "truncated"),
    ("form, text not UTF-8", b"\x09\x80\x01\x05\xffx", "formed", "bad_utf8"),
    ("form, digits cut", b"\x09\x82\x01\x00\x00\x00\x00", "formed", "truncated"),
    ("form, a number too large", b"\x09\x82\x01\x00\x05\xf5\xe1\x00", "formed", "bad_slot"),
    ("form, the largest bytes", b"\x09\x82\x01\x02\xff\xff", "formed", "bad_slot"),
    ("form, more bytes", b"\x09\x82\x01\x03x", "formed", "trailing_bytes"),
    ("brotli, empty", b"\x02", None, "truncated"),
    ("brotli, cut", b"\x02" + STREAM[:-1], None, "truncated"),
    ("brotli, cut at the start", b"\x02" + STREAM[:2], None, "truncated"),
    ("brotli, more bytes", b"\x02" + STREAM + b"\x00", None, "trailing_bytes"),
    ("brotli, two streams", b"\x02" + STREAM + STREAM, None, "trailing_bytes"),
    ("brotli, not a stream", b"\x02\xff\xff\xff\xff", None, "bad_brotli"),
    ("brotli, window of 2^23", b"\x02" + brotli.compress(b"window", lgwin=23), None, "bad_brotli"),
    ("brotli, window of 2^24", b"\x02" + brotli.compress(b"window", lgwin=24), None, "bad_brotli"),
    ("brotli, large window", bytes.fromhex("02115cdc2ee0970c131b8bcf82006f03001a"), None, "bad_brotli"),
    ("brotli, not UTF-8", b"\x02" + brotli.compress(b"\xff\xfe", lgwin=16), None, "bad_utf8"),
    ("brotli, over the limit", b"\x02" + brotli.compress(b"a" * 262_145, lgwin=16), None, "too_large"),
    ("brotli, 10 MB", b"\x02" + brotli.compress(b"a" * 10_000_000, lgwin=22), None, "too_large"),
]

# bytes, library, limit that the text is one byte over
OVER_LIMIT = [
    ("raw", b"\x00abc", None, 2),
    ("template", b"\x09\x00Ann", "small", 10),
    ("form", b"\x09\x80\x01\x00", "formed", 11),
    ("brotli", b"\x02" + brotli.compress(b"abc", lgwin=16), None, 2),
]


# source, delta, what it makes; None where it is none
DELTAS: list[tuple[bytes, bytes, bytes | None]] = [
    (b"", b"", b""),
    (b"held", b"", b""),
    (b"held", b"\x03new", b"new"),
    (b"held", b"\x00\x00\x04", b"held"),
    (b"held", b"\x02a \x01\x03\x01!", b"a eld!"),
    (b"held", b"\x00\x00\x04\x00\x00\x02\x00\x04\x00", b"heldhe"),
    (b"held", b"\x04new", None),
    (b"held", b"\x00\x00\x05", None),
    (b"held", b"\x00\x05\x00", None),
    (b"held", b"\x00\x01", None),
    (b"held", b"\x80\x00", None),
    (b"held", b"\x00\x00\x80", None),
    (b"held", b"\x00\x00\x04" * 26, None),
]


def varints() -> dict[str, Any]:
    """Return the content of varints.json."""
    return {
        "valid": [{"number": number, "data": encode_varint(number).hex()} for number in VARINTS],
        "invalid": [{"data": data, "error": error} for data, error in BAD_VARINTS.items()],
    }


def payloads() -> dict[str, Any]:
    """Return the content of payloads.json."""
    encoded = []
    for text, library, index in TEXTS:
        result = encode(text, LIBRARIES[library] if library else None, index)
        encoded.append(_entry(text, library, index, result.data, result.method.name, result.template_id))
    filled = []
    for template_id, slots, library, index in FILLED:
        template = LIBRARIES[library].template(template_id)
        assert template is not None
        result = encode_template(template_id, slots, LIBRARIES[library], index)
        entry = _entry(template.fill(slots), library, index, result.data, result.method.name, template_id)
        filled.append(entry | {"slots": slots})
    invalid = [
        {"name": name, "library": library, "data": data.hex(), "error": error} for name, data, library, error in INVALID
    ]
    over_limit = [
        {"name": name, "library": library, "limit": limit, "data": data.hex()}
        for name, data, library, limit in OVER_LIMIT
    ]
    libraries = {
        name: {"hash": library.hash, "manifest": json.loads(library.manifest)} for name, library in LIBRARIES.items()
    }
    return {
        "libraries": libraries,
        "encoded": encoded,
        "filled": filled,
        "invalid": invalid,
        "over_limit": over_limit,
        "deltas": [
            {"source": source.hex(), "delta": made.hex(), "target": None if target is None else target.hex()}
            for source, made, target in DELTAS
        ],
    }


def _entry(
    text: str, library: str | None, index: int, data: bytes, method: str, template_id: int | None
) -> dict[str, Any]:
    return {
        "text": text,
        "library": library,
        "index": index,
        "data": data.hex(),
        "method": method,
        "template_id": template_id,
    }


def main() -> None:
    """Write both files."""
    for name, content in (("varints", varints()), ("payloads", payloads())):
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
