"""Makes model.json: `python -m tests.vectors.model`, after each build of the coder.

The dictionary and the texts are written here; the codes come from the module under wasmtime. The file is read by
tests/compression/test_codec_model.py and by tests/js/codec/model.test.mjs.
"""

import json
from pathlib import Path
from typing import Any

from compression.codec.model import Model, Piece

FILE = Path(__file__).with_name("model.json")
DICTIONARY = "\0".join(
    [
        "Hello! How can I help you today?",
        "Hello again. What can I do for you?",
        "Your order has been shipped and will arrive on Monday.",
        "Your order has been packed. It will be shipped on Tuesday.",
        "I am sorry to hear that your parcel did not arrive. Could you please send me the number of your order?",
        "Thank you. I have found your order, and I have asked the carrier where your parcel is.",
        "Here are the steps:\n\n1. Open the settings.\n2. Choose **Account**.\n3. Press *Save*.",
        "```python\ndef total(items):\n    return sum(item.price for item in items)\n```",
        "مرحبا! كيف يمكنني مساعدتك؟",
        "Is there anything else I can help you with?",
        "",
    ]
)
TEXTS = [
    "",
    "H",
    "Hello! How can I help you today?",
    "Your order has been packed and will arrive on Friday.",
    "Here are the steps:\n\n1. Open the account.\n2. Choose **Settings**.",
    "def total(orders):\n    return sum(order.price for order in orders)",
    "مرحبا، أين طلبي؟",
    "👩‍👩‍👧‍👦 你好 \x01\x7f",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Is there anything else I can help you with? " * 100,
]
PIECES = [
    ["Hello! ", "How can ", "I help ", "you today?"],
    ["Your", " order", " has", " been", " lost", "."],
    ["مر", "حبا", "!"],
    ["a"] * 40,
    ["Thank you. I have found your order, and I have asked the carrier where your parcel is."],
]
INVALID = ["ff", "00", "ffffffffffffffffffffffff", "8000000000", "0102030405060708090a0b0c0d0e0f"]


def content() -> dict[str, Any]:
    """Return the content of model.json."""
    model = Model(DICTIONARY.encode())
    return {
        "dictionary": DICTIONARY,
        "hash": model.hash,
        "messages": [{"text": text, "code": _hex(model.encode(text.encode()))} for text in TEXTS],
        "flushed": [_pieces(model, pieces, [Piece.FLUSHED] * len(pieces)) for pieces in PIECES],
        "settled": [_pieces(model, pieces, [Piece.SETTLED] * (len(pieces) - 1) + [Piece.LAST]) for pieces in PIECES],
        "invalid": INVALID,
    }


def _pieces(model: Model, pieces: list[str], how: list[Piece]) -> dict[str, Any]:
    writer = model.writer()
    codes = [writer.put(piece.encode(), way).hex() for piece, way in zip(pieces, how, strict=True)]
    return {"pieces": pieces, "codes": codes}


def _hex(code: bytes | None) -> str:
    assert code is not None
    return code.hex()


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(content(), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
