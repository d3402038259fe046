"""Errors of the bridges.

BridgeError
├── Unavailable       the broker cannot be reached or does not answer: the same again later is right
├── Refused           this message will never be taken: a dead letter
├── BadAddress        settings or a route that make no sense; said to whoever wrote them
│   └── MissingClient a broker whose client library is not installed
├── OutboxFull        too much waits already: the caller must slow down
└── LeaseLost         another process moves this route now
"""


class BridgeError(Exception):
    """Something between AURA and a broker went wrong."""


class Unavailable(BridgeError):
    """The broker cannot be reached or does not answer; what was being sent may be there or not."""


class Refused(BridgeError):
    """The message at `index` of what was sent will never be taken. All before it are there, none behind it need be."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


class BadAddress(BridgeError):
    """An address, filter or mapping that makes no sense."""


class MissingClient(BadAddress):
    """The broker's client library is not installed."""


class OutboxFull(BridgeError):
    """More waits for a broker than may: nothing was kept of this message; try again later."""


class LeaseLost(BridgeError):
    """Another process has taken the route: what was being done is not to be finished here."""
