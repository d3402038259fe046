"""Libraries that change while a session runs: what is offered, acknowledged, retired."""

from hypothesis import given
from hypothesis import strategies as st

from compression.codec.library import Library
from compression.codec.payload import CompressionMethod
from compression.codec.template import Template
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import LibraryAction
from streaming.protocol.issued import KEPT, Issued

LIBRARIES = [Library([Template(200, (f"Text number {number} of ", "."))]) for number in range(40)]


def pair(held: Library | None = None) -> tuple[SessionCodec, Issued]:
    codec = SessionCodec(1_000)
    issued = Issued(codec)
    if held is not None:
        assert issued.hold(held) == 1
    return codec, issued


def test_the_next_library_counts_when_it_is_acknowledged() -> None:
    codec, issued = pair(LIBRARIES[0])
    assert issued.offer(LIBRARIES[0]) == []
    (notice,) = issued.offer(LIBRARIES[1])
    assert (notice.action, notice.index, notice.library) == (LibraryAction.OFFER, 2, LIBRARIES[1].digest)
    before = codec.encode("Text number 0 of many.")
    assert before.data[0] >> 3 == 1
    issued.acknowledge(2)
    after = codec.encode("Text number 1 of many.")
    assert (after.method, after.data[0] >> 3) == (CompressionMethod.TEMPLATE, 2)
    assert codec.decode(before.data) == "Text number 0 of many."


def test_back_to_a_library_that_the_client_has() -> None:
    codec, issued = pair(LIBRARIES[0])
    issued.offer(LIBRARIES[1])
    issued.acknowledge(2)
    assert issued.offer(LIBRARIES[0]) == []
    assert codec.active == 1


def test_an_acknowledgement_that_comes_too_late_counts_for_decoding_only() -> None:
    codec, issued = pair(LIBRARIES[0])
    issued.offer(LIBRARIES[1])
    issued.offer(LIBRARIES[2])
    issued.acknowledge(3)
    issued.acknowledge(2)
    assert codec.active == 3
    assert set(codec.libraries) == {1, 2, 3}
    issued.acknowledge(17)
    assert 17 not in codec.libraries


@given(st.lists(st.tuples(st.integers(0, 39), st.booleans(), st.booleans()), max_size=120), st.booleans())
def test_a_client_can_always_read_what_it_gets(changes: list[tuple[int, bool, bool]], held: bool) -> None:
    """However libraries change and clients acknowledge, early, late or never, no payload is lost or garbled."""
    codec, issued = pair(LIBRARIES[0] if held else None)
    client = SessionCodec(1_000)
    if held:
        client.use(1, LIBRARIES[0])
    late: list[tuple[int, Library]] = []
    for number, at_once, later in changes:
        for notice in issued.offer(LIBRARIES[number]):
            assert 1 <= notice.index <= 31
            if notice.action == LibraryAction.RETIRE:
                client.libraries.pop(notice.index, None)
                if client.active == notice.index:
                    client.active = 0
            else:
                late = [item for item in late if item[0] != notice.index]
                client.libraries.pop(notice.index, None)
                late.append((notice.index, LIBRARIES[number]))
        taken, late = (late, []) if later else (late[-1:], late[:-1]) if at_once else ([], late)
        for index, library in taken:
            client.use(index, library)
            issued.acknowledge(index)
        for text in (f"Text number {number} of all.", "Anything else."):
            assert client.decode(codec.encode(text).data) == text
            assert codec.decode(client.encode(text).data) == text
        assert len(issued._current) <= KEPT + 1
