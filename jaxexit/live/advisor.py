"""Advice at each closed bar, for each open trade: the policy of a backtest, in a stream.

The environment's own `reset`, `observe` and `step` run on the bars fed so far; there is no second simulator.
A trade is followed as the environment fills it, on the assumption that its advice is taken: tell `close`
where it was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.data.bars import PriceSide
from jaxexit.data.trades import load_trades, reading_of
from jaxexit.errors import DataError, UserError
from jaxexit.lab.trained import open_trained
from jaxexit.live.entering import WaitingTrade, placed, waiting_trades
from jaxexit.live.feed import Feed
from jaxexit.live.following import Follower
from jaxexit.live.lines import described
from jaxexit.live.messages import Message, RefusedError, message, stamp
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.store.checkpoints import Which
from jaxexit.units import Unit

MOST_WAITING = 100_000
"""Trades that may wait for their entry bars."""


class Advisor:
    """A trained version's advice on open trades, bar by bar.

        advisor = Advisor("experiments/v2_exit_guards.yaml", history="bars.csv")
        advisor.open({"trade": "7", "entry_time": "2024-05-02T14:00Z", "direction": "long"})
        for line in advisor.on_bar({"time": "2024-05-02T15:00Z", "bid_open": 1.0718, ...}):
            print(line)

    Messages are dicts of JSON values; docs/live.md lists them. Bars and trades that cannot be used are
    reported in a message of type `error` or `warning`, never guessed.
    """

    def __init__(
        self,
        experiment: str | Path | TrainedPolicy,
        *,
        root: str | Path | None = None,
        checkpoint: Which = "best",
        seed: int | None = None,
        history: str | Path | None = None,
        price_side: PriceSide | None = None,
        pip: float | None = None,
        max_delay: float | None = None,
    ) -> None:
        """Open a version.

        Args:
            experiment: YAML file, run folder or name of a trained version; or a policy restored already.
            root: where run folders live; None: the experiment file's folder.
            checkpoint: "best", "final", "last", or a step.
            seed: which agent, of a version that has several.
            history: bars before the first that is fed: a file, or "sample". Begin it where the backtest's
                bars begin and everything is the same to the bit; later, and indicators differ by what they
                still remember (`audit` measures that).
            price_side: which side one-sided bars are; None: that of the history, else the experiment's.
            pip: price units; None: the experiment's, else from the price level of the first bars.
            max_delay: seconds; bars that arrive later than this after their close, or before it, are
                reported, by this machine's clock. None: the clock is not used, as for recorded bars.

        Raises:
            UserError: one line: there is no such version, checkpoint or history.
        """
        if max_delay is not None and max_delay < 0:
            raise UserError(f"max_delay: got {max_delay:g}, expected seconds from 0 up")
        if not isinstance(experiment, TrainedPolicy):
            version = open_trained(experiment, None if root is None else Path(root))
            experiment = restore_policy(version, checkpoint, seed)
        self.policy = experiment
        self._max_delay = max_delay
        self._feed = Feed(
            experiment.experiment,
            experiment.spec.features,
            history=history,
            price_side=price_side,
            pip=pip,
            unit=experiment.unit,
            charges=experiment.charges if pip is None else None,
            calendar=experiment.calendar,
        )
        self._follower = Follower(experiment, self._feed)
        self._waiting: dict[str, WaitingTrade] = {}

    @property
    def open_trades(self) -> tuple[str, ...]:
        """Names of the trades that are followed."""
        return tuple(self._follower.open)

    @property
    def pip(self) -> float | None:
        """Price units of a pip; None before the first bar, unless it was given."""
        return self._feed.pip

    @property
    def unit(self) -> Unit | None:
        """What results are counted in; None before the first bar, unless it was given."""
        return self._feed.unit

    def ready(self) -> Message:
        """What is advised with: version, checkpoint, bars known."""
        feed, policy = self._feed, self.policy
        return {
            "type": "ready",
            "version": policy.experiment.version,
            "checkpoint_sha256": policy.sha256,
            "trained_steps": policy.step,
            "bars": feed.length,
            "last_bar": stamp(feed.times[-1]) if feed.length else None,
            "pip": feed.pip,
            "unit": None if feed.unit is None else feed.unit.name,
            "warm_up_bars": policy.experiment.data.warmup,
        }

    def load(self, path: str | Path) -> list[Message]:
        """Follow the trades of a file, in any format that `data.trades` has.

        A trade is named by the file's column `trade_id`, else by its row, from 0. One that was entered
        within the history is caught up with: its decisions so far are repeated, marked `replayed`.

        Raises:
            DataError: the file cannot be read.
        """
        rows = load_trades(Path(path), reading_of(self.policy.experiment.data)).rows
        return self._follow(waiting_trades(rows))

    def open(self, trade: Mapping[str, Any]) -> list[Message]:
        """Follow one trade.

        Args:
            trade: `trade` (its name), `entry_time` (as in a file), `direction` ("long" or "short"), and if
                there are any `entry_price`, `stop`, `target`.
        """
        return self.open_many([trade])

    def open_many(self, trades: Sequence[Mapping[str, Any]]) -> list[Message]:
        """Follow many trades: as `open` of each in turn, in one go."""
        found, messages = [], []
        for trade in trades:
            try:
                found.append(described(trade))
            except DataError as error:
                words = f"the trade is not followed: {error}"
                name = str(trade.get("trade", ""))
                messages.append(message("error", "bad_trade", None, words, trade=name))
        return messages + self._follow(found)

    def close(self, trade: str) -> list[Message]:
        """Stop following a trade that was closed otherwise than advised."""
        if not self._follower.forget(trade) and self._waiting.pop(trade, None) is None:
            words = "is not followed: nothing to close"
            return [message("error", "no_trade", None, words, trade=trade)]
        return [message("note", "forgotten", None, "is no longer followed", trade=trade)]

    def on_bar(self, bar: Mapping[str, Any], *, now: np.datetime64 | None = None) -> list[Message]:
        """Take the next closed bar: what became of each trade in it, and what to do now.

        Args:
            bar: `time` (its open; UTC unless it says, or the experiment's data.timezone does) and prices:
                `open` ... `close` of one side (and `spread`, in pips), or `bid_open` ... `ask_close`; with
                the columns that the experiment's own features need.
            now: the time by which it is late, for tests; None: this machine's.
        """
        feed = self._feed
        try:
            messages = feed.add(bar)
        except RefusedError as refused:
            return [message(refused.level, refused.code, refused.time, str(refused))]
        messages += self._punctuality(now)
        messages += self._follower.advance(feed.length - 1)
        due = [one for one in self._waiting.values() if one.time <= feed.times[-1]]
        return messages + self._enter(due)

    def on_bars(self, bars: pd.DataFrame) -> list[Message]:
        """Take many closed bars, oldest first: the same as `on_bar` of each in turn.

        While no trade is followed they are read as one table, which takes milliseconds where one bar after
        the other takes minutes; as of a history, gaps among them are then not reported.

        Args:
            bars: a row a bar, under the names that bar files have.
        """
        if self._follower.open or self._waiting:
            rows = bars.to_dict("records")
            return [line for row in rows for line in self.on_bar({str(k): row[k] for k in row})]
        if len(bars):
            try:
                self._feed.add_table(bars)
            except RefusedError as refused:
                return [message(refused.level, refused.code, refused.time, str(refused))]
        return []

    def _punctuality(self, now: np.datetime64 | None) -> list[Message]:
        feed, time = self._feed, self._feed.times[-1]
        if self._max_delay is None or feed.step is None:
            return []
        clock = np.datetime64(pd.Timestamp.now("UTC").tz_localize(None)) if now is None else now
        delay = float((clock - (time + feed.step)) / np.timedelta64(1, "s"))
        if delay > self._max_delay:
            words = f"came {delay:,.0f} s after its close: what is advised now should have been done then"
            return [message("warning", "late", time, words, seconds=round(delay, 1))]
        if delay < 0:
            words = f"came {-delay:,.0f} s before its close: it is used as if it had closed"
            return [message("warning", "not_closed", time, words, seconds=round(delay, 1))]
        return []

    def _follow(self, trades: Sequence[WaitingTrade]) -> list[Message]:
        """Follow trades from now on, or from their entry bar on."""
        messages: list[Message] = []
        due: list[WaitingTrade] = []
        last = self._feed.times[-1] if self._feed.length else None
        for trade in trades:
            if trade.name in self._follower.open or trade.name in self._waiting:
                words = "is followed already: give each trade its own name"
            elif len(self._waiting) >= MOST_WAITING:
                words = f"is not followed: {MOST_WAITING:,} trades wait for their bars already"
            else:
                self._waiting[trade.name] = trade
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
            del self._waiting[trade.name]
        messages: list[Message] = []
        sound = []
        for trade, found in zip(due, placed(due, self._feed, self.policy.experiment), strict=True):
            if isinstance(found, DataError):
                words = f"is not followed: {found}"
                messages.append(message("error", "bad_trade", trade.time, words, trade=trade.name))
            else:
                sound.append(found)
        return messages + self._follower.enter(sound)
