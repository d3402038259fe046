"""What every bridge is made of: messages, sources, sinks."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from shlex import quote
from types import ModuleType
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, urlsplit

import zstandard

from streaming.bridges.errors import BadAddress, MissingClient
from streaming.packages import install

# Headers that say where a message stands in its stream.
STREAM, EPOCH, OFFSET = "aura-stream", "aura-epoch", "aura-offset"
# Header that says how a body is compressed, and the bytes that one may become.
CODING, ZSTD = "aura-coding", "zstd"
UNPACKED_LIMIT = 16 * 1_048_576
# Messages handed on at a time.
BATCH = 500
# Seconds that `receive` waits when there is nothing.
WAIT = 1.0
# Bytes of a stream's name.
NAME_LIMIT = 200
# What an option says that is on or off.
FLAGS = ("true", "false")
_NUMBER_LIMIT = 2**62
_NUMBER_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Message:
    """What goes into a broker and comes out.

    `stream` names what is in order, `offset` counts in it. With an empty stream the writer was not AURA (nor somebody who
    sets its headers); then the place in the broker counts instead.
    """

    body: bytes
    stream: str = ""
    epoch: int = 1
    offset: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        """Return the headers as they go to the broker, with stream, epoch and offset among them."""
        if not self.stream:
            return dict(self.headers)
        return {**self.headers, STREAM: self.stream, EPOCH: str(self.epoch), OFFSET: str(self.offset)}

    @classmethod
    def arrived(cls, body: bytes, headers: Mapping[str, str]) -> "Message":
        """Return a message from a broker. Headers that make no sense count as none: the writer was somebody else."""
        if headers.get(CODING) == ZSTD and (unpacked := _unpacked(body)) is not None:
            body, headers = unpacked, {name: value for name, value in headers.items() if name != CODING}
        if STREAM not in headers and EPOCH not in headers and OFFSET not in headers:
            return cls(body, headers=headers)
        rest = dict(headers)
        stream, epoch, offset = rest.pop(STREAM, ""), _number(rest.pop(EPOCH, "1")), _number(rest.pop(OFFSET, None))
        # A database cannot keep a name with NUL in it.
        if epoch is None or offset is None or not 0 < len(stream.encode()) <= NAME_LIMIT or "\0" in stream:
            return cls(body, headers=rest)
        return cls(body, stream, epoch, offset, rest)


def _unpacked(body: bytes) -> bytes | None:
    """Return a body that was compressed, None for what is not or would become too large."""
    try:
        if 0 <= zstandard.frame_content_size(body) <= UNPACKED_LIMIT:
            return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError:
        pass
    return None


def _number(text: str | None) -> int | None:
    """Return the number that a header says, None where it says none."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _NUMBER_DIGITS:
        return None
    found = int(text)
    return found if found < _NUMBER_LIMIT else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and its place: `partition` is a part of the channel that has an order of its own, `position` the broker's
    name of the place in it, and `rank` a number that rises with it. `at` is when the broker took it, in seconds since the
    Unix epoch; 0 where it does not say."""

    message: Message
    partition: str
    position: str
    rank: int
    at: float = 0.0


class Source(Protocol):
    """Messages of one channel, from behind the positions it was opened with.

    `ordered`: ranks rise within a partition and a position can be gone back to. Otherwise the broker itself keeps what was
    not settled, and redelivers it in any order.
    """

    ordered: bool

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        """Return what has come, at most `limit`; nothing after WAIT seconds of silence. Raises Unavailable: then the
        source is of no more use."""
        ...

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these are done with. Raises Unavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of the connection. Never raises."""
        ...


class Sink(Protocol):
    """Where messages go.

    `mark` is kept with the reader's checkpoint and given back when the sink is opened again; a sink that can find what it
    wrote behind its mark writes nothing twice.
    """

    mark: str

    async def send(self, messages: Sequence[Message]) -> None:
        """Return when the broker has all of them for good; of one stream, in this order.

        Raises Unavailable (some may be there, a first part of each stream; the sink is of no more use) and Refused.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connection. Never raises."""
        ...


class Bridge(Protocol):
    """The way to one broker."""

    async def source(self, channel: str, positions: Mapping[str, str]) -> Source:
        """Return the channel's messages, in each partition from behind the position given, in others from the start.
        Raises Unavailable, BadAddress."""
        ...

    async def end(self, channel: str) -> dict[str, str]:
        """Return positions behind which there is nothing yet, for who wants only what comes from now on. Raises Unavailable,
        BadAddress."""
        ...

    async def sink(self, channel: str, mark: str = "") -> Sink:
        """Return a way into the channel. Raises Unavailable, BadAddress."""
        ...


@asynccontextmanager
async def closing_on_failure(close: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Let go of what is being opened when opening it fails."""
    try:
        yield
    except BaseException:
        await close()
        raise


def client(module: str, package: str) -> ModuleType:
    """Return a broker's client library. Raises MissingClient, naming the package that brings it."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingClient(f"This broker needs a Python package: {install(quote(package))}") from None


def options(url: SplitResult, **defaults: str) -> dict[str, str]:
    """Return the options of an address (`?name=value`) over their defaults. Raises BadAddress for one that is unknown, and
    where true or false stands by default for anything else."""
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        known = ", ".join(defaults) or "none"
        raise BadAddress(f"{url.scheme}: there is no option {unknown[0]}; there are: {known}")
    for name, value in given.items():
        if defaults[name] in FLAGS and value not in FLAGS:
            raise BadAddress(f"{url.scheme}: {name} is true or false")
    return {**defaults, **given}


def port_of(scheme: str, host: str) -> int | None:
    """Return the port of `HOST[:PORT]`. Raises BadAddress where it makes no sense."""
    try:
        found = urlsplit(f"//{host}")
        if found.hostname:
            return found.port
    except ValueError:
        # What is not to be read may be a part of a password: it is not repeated.
        pass
    raise BadAddress(f"{scheme}: HOST:PORT makes no sense; a password with @, / or : is percent-encoded")
