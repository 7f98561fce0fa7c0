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
from jaxexit.live.entering import waiting_trades
from jaxexit.live.feed import Feed
from jaxexit.live.following import MOST_OPEN, Follower
from jaxexit.live.jumps import MOST_ATR, check_most
from jaxexit.live.keeping import Keeper
from jaxexit.live.lines import described
from jaxexit.live.messages import Message, RefusedError, lateness, message, stamp
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.live.roster import MOST_WAITING, Roster
from jaxexit.store.checkpoints import Which
from jaxexit.units import Unit


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
        jump_atr: float = MOST_ATR,
        accept_jumps: bool = False,
        state: str | Path | None = None,
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
            jump_atr: a bar further from the last close than so many mean true ranges is held back.
            accept_jumps: it is taken all the same.
            state: a file that holds what is needed to go on, after each call; where it is there already,
                the advisor goes on from it. docs/live.md says how it is used.

        Raises:
            UserError: one line: there is no such version, checkpoint or history.
        """
        if max_delay is not None and max_delay < 0:
            raise UserError(f"max_delay: got {max_delay:g}, expected seconds from 0 up")
        if not isinstance(experiment, TrainedPolicy):
            version = open_trained(experiment, None if root is None else Path(root))
            experiment = restore_policy(version, checkpoint, seed)
        check_most(jump_atr)
        self.policy = experiment
        self._most_atr = np.inf if accept_jumps else jump_atr
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
        self._roster = Roster(self._follower, self._feed, experiment.experiment)
        self._keeper: Keeper | None = None
        if state is not None:
            parts = (self.policy, self._feed, self._follower, self._roster.waiting)
            self._keeper = Keeper(Path(state), *parts, self._act)

    @property
    def open_trades(self) -> tuple[str, ...]:
        """Names of the trades that are followed."""
        return tuple(self._follower.open)

    @property
    def lines(self) -> int | None:
        """How many calls the state has seen, over all restarts; None: there is no state."""
        return None if self._keeper is None else self._keeper.lines

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
            "most_open": MOST_OPEN,
            "most_waiting": MOST_WAITING,
            "open": len(self._follower.open),
            "waiting": len(self._roster.waiting),
            **({} if self._keeper is None else {"lines": self._keeper.lines}),
        }

    def load(self, path: str | Path) -> list[Message]:
        """Follow the trades of a file, in any format that `data.trades` has.

        A trade is named by the file's column `trade_id`, else by its row, from 0. One that was entered
        within the history is caught up with: its decisions so far are repeated, marked `replayed`.

        Raises:
            DataError: the file cannot be read.
        """
        rows = load_trades(Path(path), reading_of(self.policy.experiment.data)).rows
        trades, keeper = waiting_trades(rows), self._keeper
        if keeper is None:
            return self._roster.follow(trades)
        known = {trade.name for trade in trades} <= keeper.listed
        if known and (keeper.lines or not trades):
            return []
        if not known:
            new = [trade for trade in trades if trade.name not in keeper.listed]
            keeper.opening = self._roster.follow(new)
            keeper.listed |= {trade.name for trade in new}
            keeper.compact()
        return keeper.opening

    def open(self, trade: Mapping[str, Any]) -> list[Message]:
        """Follow one trade.

        Args:
            trade: `trade` (its name), `entry_time` (as in a file), `direction` ("long" or "short"), and if
                there are any `entry_price`, `stop`, `target`.
        """
        return self.open_many([trade])

    def open_many(
        self, trades: Sequence[Mapping[str, Any]], *, line: int | None = None
    ) -> list[Message]:
        """Follow many trades: as `open` of each in turn, in one go; `line` as of `on_bar`."""
        return self._take("open", list(trades), {}, line)

    def _open(self, trades: Sequence[Mapping[str, Any]]) -> list[Message]:
        found, messages = [], []
        for trade in trades:
            try:
                found.append(described(trade))
            except DataError as error:
                words = f"the trade is not followed: {error}"
                name = str(trade.get("trade", ""))[:200] if isinstance(trade, Mapping) else ""
                messages.append(message("error", "bad_trade", None, words, trade=name))
        return messages + self._roster.follow(found)

    def close(self, trade: str, *, line: int | None = None) -> list[Message]:
        """Stop following a trade that was closed otherwise than advised; `line` as of `on_bar`."""
        return self._take("close", trade, {}, line)

    def refuse(self, text: str, words: str) -> list[Message]:
        """A line of a stream that says nothing that can be done: it is counted, and `words` are said."""
        return self._take("refuse", text[:1000], {"words": words}, None)

    def _close(self, trade: str) -> list[Message]:
        if not self._follower.forget(trade) and self._roster.waiting.pop(trade, None) is None:
            words = "is not followed: nothing to close"
            return [message("error", "no_trade", None, words, trade=trade)]
        return [message("note", "forgotten", None, "is no longer followed", trade=trade)]

    def on_bar(
        self,
        bar: Mapping[str, Any],
        *,
        now: np.datetime64 | None = None,
        accept_jump: bool = False,
        line: int | None = None,
    ) -> list[Message]:
        """Take the next closed bar: what became of each trade in it, and what to do now.

        Args:
            bar: `time` (its open; UTC unless it says, or the experiment's data.timezone does) and prices:
                `open` ... `close` of one side (and `spread`, in pips), or `bid_open` ... `ask_close`; with
                the columns that the experiment's own features need.
            now: the time by which it is late, for tests; None: this machine's.
            accept_jump: take it however far it lies from the last one.
            line: its number among all calls that the state has seen, from 1 on, where the caller counts: a
                call that the state holds already is answered as it was, and a gap is refused.
        """
        if now is None and self._max_delay is not None:
            now = pd.Timestamp.now("UTC").tz_localize(None).to_datetime64()
        more = {} if now is None else {"now": str(now)}
        if accept_jump:
            more["accept_jump"] = "yes"
        return self._take("bar", bar, more, line)

    def _bar(self, bar: Mapping[str, Any], more: dict[str, Any]) -> list[Message]:
        feed = self._feed
        try:
            messages = feed.add(bar, np.inf if "accept_jump" in more else self._most_atr)
        except RefusedError as refused:
            return [refused.message]
        if self._max_delay is not None and feed.step is not None:
            closed = feed.times[-1] + feed.step
            messages += lateness(
                feed.times[-1], closed, np.datetime64(more["now"]), self._max_delay
            )
        messages += self._follower.advance(feed.length - 1)
        return messages + self._roster.enter_due()

    def on_bars(self, bars: pd.DataFrame) -> list[Message]:
        """Take many closed bars, oldest first: the same as `on_bar` of each in turn.

        While no trade is followed they are read as one table, which takes milliseconds where one bar after
        the other takes minutes; as of a history, gaps among them are then not reported.

        Args:
            bars: a row a bar, under the names that bar files have.
        """
        if self._follower.open or self._roster.waiting:
            return self._one_by_one(bars)
        if len(bars):
            try:
                if not self._feed.add_table(bars, self._most_atr):
                    return self._one_by_one(bars)
            except RefusedError as refused:
                return [refused.message]
            if self._keeper is not None:
                self._keeper.compact()
        return []

    def _one_by_one(self, bars: pd.DataFrame) -> list[Message]:
        rows = bars.to_dict("records")
        return [line for row in rows for line in self.on_bar({str(k): row[k] for k in row})]

    def stop(self) -> None:
        """Let another advisor use the state."""
        if self._keeper is not None:
            self._keeper.close()

    def _take(
        self, kind: str, content: Any, more: dict[str, Any], line: int | None
    ) -> list[Message]:
        if self._keeper is None:
            return self._act(kind, content, more)
        return self._keeper.take(kind, content, more, line)

    def _act(self, kind: str, content: Any, more: dict[str, Any]) -> list[Message]:
        """Do what a line says."""
        if kind == "bar":
            return self._bar(content, more)
        if kind == "refuse":
            return [message("error", "bad_line", None, more["words"])]
        return self._open(content) if kind == "open" else self._close(content)
