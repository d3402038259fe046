"""The modules that a page asks for at once are those that its script imports."""

import pytest

from streaming.modules import imported


def test_what_is_always_imported_is_named_once_and_what_may_wait_is_not() -> None:
    found = imported("aura/chat/main.js")
    assert found[0] == "aura/chat/main.js"
    assert len(found) == len(set(found))
    # Imported on one line, on several lines, and from another folder.
    assert {"aura/chat/turns.js", "aura/codec/brotli.js", "vendor/brotli/brotli_dec_wasm.js"} <= set(found)
    assert not {"aura/chat/tex.js", "aura/chat/voice_panel.js", "aura/webrtc.js"} & set(found)


def test_a_module_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        imported("aura/chat/none.js")
