"""Trades that wait for their entry bars, and how they begin."""

from __future__ import annotations

from collections.abc import Sequence

from jaxexit.config import Experiment
from jaxexit.errors import DataError
from jaxexit.live.entering import WaitingTrade, placed
from jaxexit.live.feed import Feed
from jaxexit.live.following import Follower
from jaxexit.live.messages import Message, message

MOST_WAITING = 100_000
"""Trades that may wait for their entry bars."""


class Roster:
    """Names of trades, until they are open.

    Attributes:
        waiting: trades whose entry bars have not closed, by name.
    """

    def __init__(self, follower: Follower, feed: Feed, experiment: Experiment) -> None:
        """Args: follows them once they begin; the bars; how entries are filled."""
        self.waiting: dict[str, WaitingTrade] = {}
        self._follower, self._feed, self._experiment = follower, feed, experiment

    def enter_due(self) -> list[Message]:
        """Begin the trades whose bars have closed."""
        last = self._feed.times[-1]
        return self._enter([one for one in self.waiting.values() if one.time <= last])

    def follow(self, trades: Sequence[WaitingTrade]) -> list[Message]:
        """Follow trades from now on, or from their entry bar on."""
        messages: list[Message] = []
        due: list[WaitingTrade] = []
        last = self._feed.times[-1] if self._feed.length else None
        for trade in trades:
            if trade.name in self._follower.open or trade.name in self.waiting:
                words = "is followed already: give each trade its own name"
            elif len(self.waiting) >= MOST_WAITING:
                words = f"is not followed: {MOST_WAITING:,} trades wait for their bars already"
            else:
                self.waiting[trade.name] = trade
                if last is not None and trade.time <= last:
                    due.append(trade)
                continue
            code = "limit" if words.startswith("is not") else "bad_trade"
            messages.append(message("error", code, trade.time, words, trade=trade.name))
        return messages + self._enter(due)

    def _enter(self, due: Sequence[WaitingTrade]) -> list[Message]:
        """Begin trades whose bars are known, and bring them up to the last bar."""
        if not due:
            return []
        for trade in due:
            del self.waiting[trade.name]
        messages: list[Message] = []
        sound = []
        for trade, found in zip(due, placed(due, self._feed, self._experiment), strict=True):
            if isinstance(found, DataError):
                words = f"is not followed: {found}"
                messages.append(message("error", "bad_trade", trade.time, words, trade=trade.name))
            else:
                sound.append(found)
        return messages + self._follower.enter(sound)
