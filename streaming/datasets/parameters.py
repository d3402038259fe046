"""What a request may ask for: names, kinds, ranges and defaults of each endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streaming.datasets.errors import BadParameter
from streaming.datasets.network import Mode

TRUE, FALSE = ("true", "1"), ("false", "0")


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    name: str
    low: int
    high: int
    default: int
    meaning: str

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high, "default": self.default}

    def read(self, value: object) -> int:
        """Return the value of text or JSON. Raises BadParameter."""
        if isinstance(value, str) and len(value) <= 20 and value.removeprefix("-").isdecimal() and value.isascii():
            value = int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return value
        allowed = {"minimum": self.low, "maximum": self.high}
        raise BadParameter(
            f"{self.name} must be a whole number from {self.low} to {self.high}, not {shown(value)}.",
            self.name,
            allowed,
        )


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    name: str
    default: bool
    meaning: str

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "boolean", "default": self.default}

    def read(self, value: object) -> bool:
        """Return the value of text or JSON. Raises BadParameter."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in (*TRUE, *FALSE):
            return value.lower() in TRUE
        raise BadParameter(
            f"{self.name} must be true or false, not {shown(value)}.", self.name, {"enum": [True, False]}
        )


@dataclass(frozen=True)
class Choice:
    """One of some names."""

    name: str
    names: tuple[str, ...]
    default: str
    meaning: str

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.names), "default": self.default}

    def read(self, value: object) -> str:
        """Return the value. Raises BadParameter."""
        if isinstance(value, str) and value in self.names:
            return value
        names = ", ".join(self.names)
        raise BadParameter(
            f"{self.name} must be one of {names}, not {shown(value)}.", self.name, {"enum": list(self.names)}
        )


Parameter = Whole | Flag | Choice


def shown(value: object) -> str:
    """Return a value as an error sentence shows it: short, and never all of it."""
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except RecursionError:  # lists within lists, deeper than Python goes
        return "…"
    return text if len(text) <= 40 else text[:39] + "…"


COMMON: tuple[Parameter, ...] = (
    Whole("membrane_depth", 1, 6, 3, "Levels of the tree of membranes."),
    Whole("esn_size", 16, 1024, 64, "Units of each membrane's reservoir."),
    Choice(
        "processing_mode",
        tuple(Mode),
        Mode.TREE.value,
        "tree: the root membrane reads the input and each membrane has two children that read it; chain: one membrane a "
        "level; parallel: all membranes of the tree read the input.",
    ),
    Whole("seed", 0, 2**32 - 1, 0, "The same seed is the same network."),
)


@dataclass(frozen=True)
class Endpoint:
    """One of the four ways through.

    `heartbeat` in seconds; an input over `announce` bytes gets a heartbeat at once. `chunk` is the parameter that says how
    many bytes the network reads at a time, or their number.
    """

    name: str
    summary: str
    own: tuple[Parameter, ...]
    heartbeat: int
    chunk: str | int
    announce: int = 50_000
    readable: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        interval = Whole("heartbeat_interval", 1, 60, self.heartbeat, "Seconds between heartbeats.")
        return (*COMMON, *self.own, interval)

    def read(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Return all parameters, defaults filled in. Names that are not known do not count. Raises BadParameter."""
        return {
            parameter.name: parameter.read(given[parameter.name]) if parameter.name in given else parameter.default
            for parameter in self.parameters
        }

    def chunk_of(self, values: Mapping[str, Any]) -> int:
        """Return the bytes that the network reads at a time."""
        return self.chunk if isinstance(self.chunk, int) else int(values[self.chunk])


PREVENTION = Flag("timeout_prevention", True, "Heartbeats, so that no proxy takes a silent line for a dead one.")

PROCESS = Endpoint(
    "stream_process",
    "Work through an input, and stream what the membranes say of each part",
    (Whole("chunk_size", 128, 16_384, 1024, "Bytes that the network reads at a time."),),
    heartbeat=25,
    chunk="chunk_size",
)
CHUNKS = Endpoint(
    "stream_chunks",
    "The same in chunks of a chosen size, held back while the client is behind",
    (
        Whole("chunk_size", 128, 8192, 1024, "Bytes that the network reads at a time."),
        Flag("enable_compression", True, "Compress results where that makes an event smaller."),
        PREVENTION,
    ),
    heartbeat=25,
    chunk="chunk_size",
)
LARGE = Endpoint(
    "stream_large_dataset",
    "Inputs of any size, read while they are uploaded; results compressed, as hex",
    (
        Whole("max_chunk_size", 512, 16_384, 16_384, "Bytes that the network reads at a time."),
        Whole("compression_level", 0, 3, 1, "0 none, 1 fast, 2 balanced, 3 smallest."),
    ),
    heartbeat=20,
    chunk="max_chunk_size",
    readable=True,
    headers={"X-Large-Dataset-Optimized": "true"},
)
OPTIMIZED = Endpoint(
    "stream_optimized",
    "Events as large and as tight as the line wants them, which make one JSON document bit by bit",
    (
        Choice(
            "bandwidth_hint", ("low", "medium", "high", "auto"), "auto", "What the line can carry; auto measures it."
        ),
        Flag("adaptive_compression", True, "Compress, the more the slower the line is."),
        Flag("enable_progressive_rendering", True, "Events are pieces of one JSON document."),
    ),
    heartbeat=20,
    chunk=2048,
)
ENDPOINTS = {endpoint.name: endpoint for endpoint in (PROCESS, CHUNKS, LARGE, OPTIMIZED)}
