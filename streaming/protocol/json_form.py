"""Frames as JSON objects, for people at a terminal and simple scripts (docs/reference/protocol.md, section 12)."""

import base64
import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from compression.codec import payload
from compression.codec.errors import CodecError
from streaming.protocol import fields, frames
from streaming.protocol.codec import encode_raw, text_check
from streaming.protocol.codes import Action, FaultCode, Finish, Mode, Priority, Reliability
from streaming.protocol.errors import FrameError
from streaming.protocol.frames import Frame

_FROM_CLIENT: dict[str, type] = {
    "hello": frames.Hello,
    "prompt": frames.Prompt,
    "resume": frames.Resume,
    "subscribe": frames.Resume,
    "publish": frames.Publish,
    "control": frames.Control,
    "ack": frames.Ack,
    "ping": frames.Ping,
    "pong": frames.Pong,
}
_NAMES: dict[str, type[IntEnum]] = {
    "mode": Mode,
    "action": Action,
    "reliability": Reliability,
    "priority": Priority,
}


class JsonForm:
    """Reads and writes the frames of one session as JSON. `new_name` returns 16 random bytes."""

    def __init__(self, new_name: Callable[[], bytes]) -> None:
        self._new_name = new_name
        self._next_channel = 1
        self._offsets: dict[int, int] = {}

    def decode(self, text: str) -> Frame:
        """Return the frame of a JSON object. Raises FrameError with words for the person who typed it."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:  # the second for what is nested thousands deep
            raise FrameError(f"not JSON: {error}") from None
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind not in _FROM_CLIENT:
            raise FrameError(f'send an object with "type" one of {", ".join(_FROM_CLIENT)}')
        try:
            return self._frame(kind, data)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            # The last for what can just be read, and is one level too deep when it is written again.
            raise FrameError(f"{kind}: {error}") from None

    def _frame(self, kind: str, data: dict[str, Any]) -> Frame:
        match kind:
            case "ping":
                return frames.Ping()
            case "pong":
                return frames.Pong()
            case "ack":
                return frames.Ack(_number(data, "channel"), _number(data, "offset"), _number(data, "credit"))
            case "prompt":
                return self._prompt(data)
            case "publish":
                return self._publish(data)
            case "subscribe":
                data = self._subscription(data)
            case "resume":
                data = {**data, "channel": self._channel(data)}
        frame_class: Any = _FROM_CLIENT[kind]
        values: dict[str, Any] = {}
        for name, spec in fields.specs(frame_class).items():
            if name in data:
                given = data[name]
                items = given if spec.repeated and isinstance(given, list) else [given]
                read = [_read(name, spec, item) for item in items]
                values[name] = tuple(read) if spec.repeated else read[0]
        if frame_class is frames.Hello:
            values.setdefault("version", (frames.VERSION,))
        frame: Frame = frame_class(channel=_number(data, "channel"), **values)
        return frame

    def _prompt(self, data: dict[str, Any]) -> Frame:
        text = data.get("text", "")
        if not isinstance(text, str):
            raise ValueError('"text" is not a string')
        channel = self._channel(data)
        stream = _bytes(data, "stream", 16) or self._new_name()
        model = data.get("model", "")
        try:
            coded = encode_raw(text).data
        except UnicodeEncodeError:
            raise ValueError('"text" holds half a character (a lone surrogate)') from None
        return frames.Prompt(
            channel,
            stream,
            _bytes(data, "conversation", 16),
            coded,
            text_check(text),
            str(model)[:128],
            _read("priority", _PRIORITY, data.get("priority", 0)),
            _bytes(data, "after", 16),
            _pictures(data.get("picture", [])),
        )

    def _channel(self, data: dict[str, Any]) -> int:
        """Return the channel that an object names, or the next one."""
        if "channel" in data:
            channel = _number(data, "channel")
        else:
            channel, self._next_channel = self._next_channel, self._next_channel + 1
        if not 1 <= channel <= frames.CHANNEL_LIMIT:
            raise ValueError(f'"channel" goes from 1 to {frames.CHANNEL_LIMIT}')
        return channel

    def _subscription(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a subscription as the RESUME that it is; its filter may be an object."""
        wanted = data.get("filter", "")
        if not isinstance(wanted, str):
            wanted = json.dumps(wanted, ensure_ascii=False)
        if not isinstance(data.get("topic"), str) or not data["topic"]:
            raise ValueError('"topic" is missing')
        return {**data, "filter": wanted, "channel": self._channel(data)}

    def _publish(self, data: dict[str, Any]) -> Frame:
        text = json.dumps({"kind": data.get("kind", ""), "data": data.get("data")}, ensure_ascii=False)
        coded = encode_raw(text).data
        identifier = _bytes(data, "id", 16) or self._new_name()
        return frames.Publish(0, identifier, str(data.get("topic", "")), coded, text_check(text))

    def encode(self, frame: Any) -> str:
        """Return the JSON object of a frame of the server; chunks must be raw."""
        data: dict[str, Any] = {"type": frame.type.name.lower(), "channel": frame.channel}
        if isinstance(frame, frames.Event):
            offset = self._offsets.get(frame.channel, 0) + frame.passed
            self._offsets[frame.channel] = offset + 1
            data |= {"offset": offset, "passed": frame.passed, "event": json.loads(_text(frame.payload))}
        elif isinstance(frame, frames.Publish):
            return json.dumps({"type": "published", "id": frame.id.hex(), "epoch": frame.epoch, "offset": frame.offset})
        elif isinstance(frame, frames.Chunk):
            offset = self._offsets.get(frame.channel, 0)
            self._offsets[frame.channel] = offset + frame.count
            data |= {"offset": offset, "count": frame.count, "text": _text(frame.payload)}
        elif isinstance(frame, frames.Tentative):
            data |= {"offset": self._offsets.get(frame.channel, 0), "text": _text(frame.payload)}
        else:
            if isinstance(frame, frames.Open):
                self._offsets[frame.channel] = frame.offset
            if isinstance(frame, frames.Done | frames.Fault):
                self._offsets.pop(frame.channel, None)
            for name in fields.specs(type(frame)):
                value = getattr(frame, name)
                data[name] = value.hex() if isinstance(value, bytes) else value
            data |= _readable(frame)
        return json.dumps(data, ensure_ascii=False)


_PRIORITY = fields.specs(frames.Resume)["priority"]


def _readable(frame: Frame) -> dict[str, Any]:
    """Return names in the place of numbers."""
    match frame:
        case frames.Fault():
            return {"code": FaultCode(frame.code).label, "retry": bool(frame.retry)}
        case frames.Done():
            return {"finish": Finish(frame.finish).name.lower()}
        case frames.Control():
            return {"action": Action(frame.action).name.lower()}
    return {}


def _text(data: bytes) -> str:
    try:
        return payload.decode(data, {}, len(data))
    except CodecError as error:
        raise ValueError(f"a chunk for the JSON form must be raw: {error}") from None


def _read(name: str, spec: Any, value: Any) -> Any:
    if name in _NAMES and isinstance(value, str):
        try:
            return int(_NAMES[name][value.upper()])
        except KeyError:
            raise ValueError(f'unknown {name} "{value}"') from None
    if spec.kind == 0:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
            raise ValueError(f'"{name}" is not a number from 0 to 2^53 - 1')
        return value
    if not isinstance(value, str):
        raise ValueError(f'"{name}" is not a string')
    if spec.text:
        return value
    data = bytes.fromhex(value)
    if spec.size and len(data) != spec.size and (data or spec.repeated):
        raise ValueError(f'"{name}" has {len(data)} bytes instead of {spec.size}')
    return data


def _pictures(found: Any) -> tuple[bytes, ...]:
    if not isinstance(found, list) or len(found) > fields.REPEATED_LIMIT:
        raise ValueError('"picture" is not a list, or too long a one')
    return tuple(base64.b64decode(item, validate=True) for item in found)


def _number(data: dict[str, Any], name: str) -> int:
    value = data.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise ValueError(f'"{name}" is not a number from 0 to 2^53 - 1')
    return value


def _bytes(data: dict[str, Any], name: str, size: int) -> bytes:
    value = bytes.fromhex(str(data.get(name, "")).replace("-", ""))
    if len(value) not in (0, size):
        raise ValueError(f'"{name}" has {len(value)} bytes instead of {size}')
    return value
