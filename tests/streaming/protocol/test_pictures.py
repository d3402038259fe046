"""Pictures of a question: what counts as one, and what a model and the record are given."""

import hashlib

import pytest

from streaming.protocol import openai_form, pictures
from streaming.protocol.codes import FaultCode
from streaming.protocol.errors import FaultError

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
KINDS = {
    PNG: "image/png",
    b"\xff\xd8\xff\xe0": "image/jpeg",
    b"GIF89a": "image/gif",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
    b"RIFF\x00\x00\x00\x00WAVE": "",
    b"<svg onload='alert(1)'>": "",
    b"": "",
}


@pytest.mark.parametrize(("data", "kind"), KINDS.items())
def test_a_picture_is_what_its_bytes_say(data: bytes, kind: str) -> None:
    assert pictures.kind(data) == kind


def test_a_model_is_given_the_picture_and_the_record_its_hash() -> None:
    parts = pictures.content("What is this?", [PNG])
    address = parts[1]["image_url"]["url"]
    assert parts[0] == {"type": "text", "text": "What is this?"}
    assert address == "data:image/png;base64,iVBORw0KGgpyZXN0"
    digest = hashlib.sha256(address.encode()).hexdigest()
    told = openai_form.words({"content": parts})
    assert told == f"What is this?\n[image/png, {len(address)} characters, SHA-256 {digest}]"
    assert pictures.content("", [PNG]) == parts[1:]


@pytest.mark.parametrize(("given", "code"), [([b"no picture"], FaultCode.MALFORMED), ([PNG] * 5, FaultCode.TOO_LARGE)])
def test_what_cannot_be_passed_on_is_refused(given: list[bytes], code: FaultCode) -> None:
    with pytest.raises(FaultError) as caught:
        pictures.content("Look", given, 3)
    assert (caught.value.code, caught.value.channel) == (code, 3)
