"""Pictures that go with a question (docs/reference/protocol.md, section 19). Pure: bytes in, what a model is given out."""

import base64
from collections.abc import Sequence
from typing import Any

from streaming.protocol.codes import FaultCode
from streaming.protocol.errors import FaultError

LIMIT = 4  # of one question
# What a file of each kind begins with; of WebP the name stands behind its length.
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def kind(picture: bytes) -> str:
    """Return the media type of a picture, empty for what is none that models take."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((name for beginning, name in _BEGINNINGS.items() if picture.startswith(beginning)), "")


def content(text: str, pictures: Sequence[bytes], channel: int = 0) -> list[dict[str, Any]]:
    """Return a question with pictures as the parts of a message in OpenAI's form. Raises FaultError."""
    if len(pictures) > LIMIT:
        raise FaultError(FaultCode.TOO_LARGE, f"a question has at most {LIMIT} pictures", channel)
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text.strip() else []
    for picture in pictures:
        name = kind(picture)
        if not name:
            raise FaultError(FaultCode.MALFORMED, "a picture is PNG, JPEG, WebP or GIF", channel)
        address = f"data:{name};base64,{base64.b64encode(picture).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": address}})
    return parts
