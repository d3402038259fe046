"""The brokers of AURA_BROKERS by name, and which module speaks to which."""

from importlib import import_module
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from django.conf import settings

from streaming.bridges.base import ZSTD, Bridge
from streaming.bridges.errors import BadAddress
from streaming.bridges.packed import Packed

# Scheme of an address: module and class. A further broker is a file and a line here.
BRIDGES = {
    "kafka": ("kafka", "Kafka"),
    "rabbitmq": ("rabbitmq", "RabbitMQ"),
    "redis": ("redis", "Redis"),
    "rediss": ("redis", "Redis"),
    "nats": ("nats", "Nats"),
    "kinesis": ("kinesis", "Kinesis"),
    "pubsub": ("pubsub", "PubSub"),
    "memory": ("memory", "Memory"),
}


def bridge(name: str) -> Bridge:
    """Return the bridge to a broker of AURA_BROKERS. Raises BadAddress, MissingClient."""
    address = settings.AURA_BROKERS.get(name)
    if address is None:
        known = ", ".join(sorted(settings.AURA_BROKERS)) or "none"
        raise BadAddress(f"there is no broker {name!r} in AURA_BROKERS; there are: {known}")
    return to(address)


def to(address: str) -> Bridge:
    """Return the bridge to a broker's address. Raises BadAddress, MissingClient."""
    url = _split(address)
    module, kind = BRIDGES[url.scheme]
    packed = False
    if url.scheme != "kafka":
        url, packed = _without_compression(url)
    found: Bridge = getattr(import_module(f"streaming.bridges.{module}"), kind)(url)
    return Packed(found) if packed else found


def _without_compression(url: SplitResult) -> tuple[SplitResult, bool]:
    """Return an address without the option that is none of its broker's, and whether it says to compress."""
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    compression = given.pop("compression", "none")
    if compression not in ("none", ZSTD):
        raise BadAddress(f"{url.scheme}: compression is none or {ZSTD}")
    if compression == ZSTD and given.get("envelope") == "false":
        raise BadAddress(f"{url.scheme}: without an envelope there is no header that says what is compressed")
    return url._replace(query=urlencode(given)), compression == ZSTD


def _split(address: str) -> SplitResult:
    try:
        url = urlsplit(address)
    except ValueError as error:
        raise BadAddress(f"a broker's address makes no sense: {error}") from None
    if url.scheme not in BRIDGES:
        raise BadAddress(f"a broker's address begins with one of {', '.join(f'{name}://' for name in BRIDGES)}")
    return url
