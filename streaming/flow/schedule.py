"""Shares of a line: deficit round robin between channels (Shreedhar and Varghese, SIGCOMM 1995)."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# Bytes that a channel of weight 1 may send in one round.
QUANTUM = 1_024


class FairSchedule:
    """Decides which channel sends next, so that each gets bandwidth in the ratio of the weights.

    A channel that has nothing to send loses what it saved; one that sent more than its share waits until its deficit is
    paid. State is one number a channel.
    """

    def __init__(self) -> None:
        self._deficit: dict[int, int] = {}
        self._turn = 0

    def forget(self, channel: int) -> None:
        """Drop a channel."""
        self._deficit.pop(channel, None)

    def spend(self, channel: int, size: int) -> None:
        """Count what a channel has sent, in bytes."""
        if channel in self._deficit:
            self._deficit[channel] -= size

    def take(
        self, channels: Callable[[], Iterable[int]], weight: Callable[[int], int], ready: Callable[[int], Item | None]
    ) -> Iterator[Item]:
        """Yield what is ready, the channels in turn, until nothing is.

        `channels` lists those that exist, `weight` gives a channel's (1 or more), `ready` takes what it has to send next
        or returns None. Call `spend` for each item before asking for the next one.
        """
        while True:
            order = list(channels())
            if not order:
                return
            if len(order) == 1:
                # Nobody to share with, as in most sessions at most times: there are no books to keep.
                item = ready(order[0])
                if item is None:
                    return
                yield item
                continue
            start = self._turn % len(order)
            sent = False
            for channel in order[start:] + order[:start]:
                self._turn += 1
                quantum = QUANTUM * weight(channel)
                saved = self._deficit[channel] = min(self._deficit.get(channel, 0) + quantum, quantum)
                if saved <= 0:
                    sent = True  # it has something, and its turn will come
                    continue
                while self._deficit.get(channel, 0) > 0:
                    item = ready(channel)
                    if item is None:
                        if channel in self._deficit:
                            self._deficit[channel] = 0
                        break
                    sent = True
                    yield item
            if not sent:
                return
