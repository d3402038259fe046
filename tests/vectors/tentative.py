"""Makes tentative.json: `python -m tests.vectors.tentative`. The file is committed; a test compares it with the code.

It says what a client reads and shows, frame by frame, of an answer with drafts.
"""

import json
import zlib
from pathlib import Path
from typing import Any

from streaming.flow.events import StreamChunk, StreamDone
from streaming.protocol import frames
from streaming.protocol.client import ClientSession
from streaming.protocol.codec import SessionCodec, encode_raw
from streaming.protocol.codes import Mode
from streaming.protocol.frames import Frame
from streaming.protocol.session import Group, ServerSession

FILE = Path(__file__).with_name("tentative.json")
STREAM = bytes(range(16))

# Chunks of an answer, each with the draft behind it.
CONFIRMED = [("You", " can return it"), (" can", " return it"), (" return it", ""), (".", "")]
CONTRADICTED = [("You", " can return it"), (" cannot", ""), (" return", " it."), (" that.", "")]
SENTENCES = [
    ("Hello!", ""),
    (" You", " can return it."),
    (" can", " return it."),
    (" return it.", " نعم"),
    (" No.", ""),
]

CASES: list[tuple[str, Mode, list[tuple[str, str]], tuple[int, ...]]] = [
    ("a draft that comes true", Mode.TOKEN, CONFIRMED, ()),
    ("a draft that does not", Mode.TOKEN, CONTRADICTED, ()),
    ("behind whole sentences, with what waits for the end of one", Mode.SENTENCE, SENTENCES, ()),
    ("the answer in one piece", Mode.COMPLETE, SENTENCES, ()),
    ("a damaged draft", Mode.TOKEN, CONFIRMED, (2,)),
]


def run(mode: Mode, chunks: list[tuple[str, str]], spoiled: tuple[int, ...]) -> list[dict[str, str]]:
    """Return each frame of the server, and what a client has read and shows as tentative behind it."""
    client = ClientSession(SessionCodec(262_144), mode=mode, tentative=True)
    server = ServerSession(bytes(16))
    client.connect()
    reading = client.resume(STREAM)
    for frame in client.to_send:
        server.receive(frame)
    server.open(1, STREAM, 1, 0, bytes(16))
    seen: list[dict[str, str]] = []

    def send(frame: Frame) -> None:
        data = bytearray(frames.encode(frame))
        if len(seen) in spoiled:
            data[-1] ^= 1
        client.receive(bytes(data), frames.decode(bytes(data)))
        seen.append({"hex": data.hex(), "text": reading.text, "tentative": reading.tentative})

    def turn() -> None:
        for frame in server.control_frames():
            send(frame)
        for item in server.groups():
            send(_frame(item) if isinstance(item, Group) else item)

    turn()
    for offset, (text, draft) in enumerate(chunks):
        server.feed(1, StreamChunk(offset, text), draft)
        turn()
    server.feed(1, StreamDone(len(chunks), zlib.crc32("".join(text for text, _ in chunks).encode())))
    turn()
    return seen


def _frame(group: Group) -> Frame:
    check = frames.chunk_check(group.stream, group.epoch, group.offset, group.count, group.text.encode())
    payload = encode_raw(group.text).data
    if group.tentative:
        return frames.Tentative(group.channel, check, payload)
    return frames.Chunk(group.channel, check, payload, group.count)


def make() -> list[dict[str, Any]]:
    """Return the content of the file."""
    return [
        {"name": name, "mode": int(mode), "frames": run(mode, chunks, spoiled)} for name, mode, chunks, spoiled in CASES
    ]


def main() -> None:
    FILE.write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
