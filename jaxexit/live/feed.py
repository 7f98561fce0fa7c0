"""Closed bars as they come: checked, kept, and turned into the rows that the environment reads.

What the environment reads of them is in `rows`; it is computed only while there are trades.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.config.features import SESSION_FEATURES
from jaxexit.data.bars import NOT_RECOGNISED, SUMMED, Bars, PriceSide, duration
from jaxexit.data.calendars import FX, calendar_of
from jaxexit.data.charges import Charges, charges_of
from jaxexit.data.features import Feature
from jaxexit.data.hours import missing_bars
from jaxexit.data.sample import SAMPLE, SAMPLE_SIDE
from jaxexit.data.tables import plain
from jaxexit.data.ticks import timeframe_length
from jaxexit.errors import DataError
from jaxexit.live.history import given_bars, load_bars_of
from jaxexit.live.jumps import LONGEST_PAUSE, RANGES, Recent, any_far, hold_back
from jaxexit.live.messages import Message, RefusedError, message, stamp
from jaxexit.live.rows import KnownRows, Mids, Rows, put
from jaxexit.units import Unit

FEWEST_STEPS = 3  # that tell the usual length of a bar


class Feed:
    """The bars of one market, oldest first.

    Attributes:
        length: how many; `history`: how many of them it began with.
        fixed_charges: costs; None: they are those of the bars at the first trade.
    """

    def __init__(
        self,
        experiment: Experiment,
        features: tuple[Feature, ...],
        *,
        history: str | Path | None = None,
        price_side: PriceSide | None = None,
        pip: float | None = None,
        unit: Unit | None = None,
        charges: Charges | None = None,
        calendar: str | None = None,
    ) -> None:
        """Begin with a history, or with nothing.

        Args:
            experiment: sets timeframe, clock, spread and pip, as for its own bars.
            features: of its observation.
            history: a bar file (or "sample") to begin with.
            price_side: which side one-sided bars are; None: that of the history, else the experiment's.
            pip: price units: results are in pips of it, whatever `unit` is; None: the experiment's.
            charges: costs, as the version was trained with them; None: the experiment's in these bars.
            calendar: its name, as the version was trained with it; None: the experiment's.
            unit: of results, as the version was trained in; None: pips, of a size that the first bars tell.

        Raises:
            DataError: the history cannot be read.
        """
        data = experiment.data
        self._experiment, self._features = experiment, features
        # With a recipe the columns that a bar must bring are those of the history, and its volume.
        wanted = {feature.column for feature in features if feature.from_bars}
        if isinstance(experiment.costs.funding, str):
            wanted.add(experiment.costs.funding)
        self._columns = [] if experiment.recipe else sorted(wanted)
        self._step = None if data.timeframe is None else timeframe_length(data.timeframe)
        self.side: PriceSide = price_side or data.price_side
        pip = pip or data.pip
        if pip is not None and (unit is None or unit.name == "pips"):
            unit = Unit("pips", pip)
        self._unit, self.fixed_charges = unit, charges
        by_session = experiment.env.flat_overnight or any(
            f.name in SESSION_FEATURES for f in features
        )
        self._calendar = (calendar or data.calendar) if by_session else FX
        self._known, self._mids = KnownRows(experiment, features), Mids()
        self._steps: Counter[int] = Counter()  # between bars, in nanoseconds
        self.length = 0
        self.where = "the bars fed"
        self._times = np.zeros(0, "datetime64[ns]")
        self._bid = self._ask = np.zeros((0, 4))
        self._table: dict[str, np.ndarray] = {name: np.zeros(0) for name in self._columns}
        self.history = 0  # bars, at the beginning
        if history is not None:
            bars = load_bars_of(experiment, str(history), self.side, self._unit)
            self.side, self._unit = price_side or bars.side, bars.unit
            if experiment.recipe:
                names = map(str, bars.table.columns)
                self._columns = sorted(n for n in names if n in wanted or plain(n) in SUMMED)
                self._table = {name: np.zeros(0) for name in self._columns}
            missing = [name for name in self._columns if name not in bars.table]
            if missing:
                raise DataError(
                    f"{history}: has no column '{missing[0]}', which env.features needs"
                )
            self._extend(bars)
            self.history = self.length
        elif data.bars == SAMPLE and self.side == "auto":
            self.side = SAMPLE_SIDE

    @property
    def pip(self) -> float | None:
        """Price units of a pip; None before the first bar, and in a market without pips."""
        return None if self._unit is None or self._unit.name != "pips" else self._unit.size

    @property
    def unit(self) -> Unit | None:
        """What results are counted in, None before the first bar."""
        return self._unit

    @property
    def charges(self) -> Charges:
        """Costs in the market's price; for after the first bar."""
        if self.fixed_charges is None:
            self.fixed_charges = charges_of(self._experiment.costs, self.bars())
        return self.fixed_charges

    @property
    def times(self) -> np.ndarray:
        """[T] datetime64[ns], UTC, bar opens."""
        return self._times[: self.length]

    @property
    def step(self) -> np.timedelta64 | None:
        """The length of a bar: the experiment's timeframe, else the usual step so far; None: not known."""
        if self._step is None and self.length > FEWEST_STEPS:
            middle = (self.length - 1) // 2
            for step in sorted(self._steps):
                middle -= self._steps[step]
                if middle < 0:
                    return np.timedelta64(step, "ns")
        return self._step

    def add(self, bar: Mapping[str, Any], most_atr: float = np.inf) -> list[Message]:
        """Take the next closed bar.

        Args:
            bar: `time` (its open) and prices, under the names that bar files have; with the columns of
                user features.
            most_atr: further from the last close it is held back (see `jumps`); infinite: it is taken.

        Returns:
            Warnings: gaps.

        Raises:
            RefusedError: the bar is not used, and why.
        """
        bars = self._read(pd.DataFrame([dict(bar)]), "the bar")
        time, warnings = bars.times[0], []
        if self.length:
            last = self.times[-1]
            if time <= last:
                self._refuse_old(bars)
            if most_atr < np.inf:
                hold_back(self._recent(), bars, self.step, most_atr)
            warnings = self._gap(last, time)
        self._extend(bars)
        return warnings

    def add_table(self, table: pd.DataFrame, most_atr: float = np.inf) -> bool:
        """Take the next closed bars, oldest first: the same as `add` of each, but gaps are not said.

        Returns:
            False, and nothing is taken, where `add` would hold one of them back.

        Raises:
            RefusedError: none of them is used, and why.
        """
        bars = self._read(table, "the bars")
        if self.length and bars.times[0] <= self.times[-1]:
            words = f"bars from {stamp(bars.times[0])} on are not used: the last one known is of "
            raise RefusedError("out_of_order", words + stamp(self.times[-1]), bars.times[0])
        held = self.length and most_atr < np.inf
        if held and any_far(self._recent(), bars, self.step, most_atr):
            return False
        self._extend(bars)
        return True

    def bars(self, first: int = 0) -> Bars:
        """The bars so far from number `first` on, as a data set has them."""
        assert self._unit is not None, "no bar was fed yet"
        shown = slice(first, self.length)
        return Bars(
            where=self.where,
            times=self._times[shown],
            bid=self._bid[shown],
            ask=self._ask[shown],
            pip=self.pip or self._experiment.data.pip,
            table=pd.DataFrame({name: column[shown] for name, column in self._table.items()}),
            origin="fed",
            widened=0,
            counted=self._unit,
            calendar=calendar_of(self._calendar, NOT_RECOGNISED, self.times),
        )

    def rows(self) -> tuple[Rows, int]:
        """What the environment reads of all bars so far, and the first bar that a trade may begin in."""
        # Before the usual step is known no trade can begin, and no night can count.
        step = self.step or np.timedelta64(1, "m")
        known = self._known.upto(self.length, step, self._mids, self.charges, self.bars)
        rows, self._atr, first = known
        return rows, first

    def atr(self) -> np.ndarray:
        """[T] float64, price units, nan before it is defined."""
        self.rows()
        return self._atr

    def numbers(self, first: int) -> np.ndarray:
        """The bars from number `first` on, [n, 9 + own columns] float64: time, bid, ask, columns."""
        shown = slice(first, self.length)
        times = self._times[shown].astype(np.int64).view(np.float64)[:, None]
        own = [column[shown, None] for column in self._table.values()]
        return np.concatenate([times, self._bid[shown], self._ask[shown], *own], axis=1)

    def put_numbers(self, numbers: np.ndarray, unit: Unit | None, charges: Charges | None) -> None:
        """Take bars that `numbers` gave, of a feed whose unit and charges these were."""
        self._unit, self.fixed_charges = unit, charges
        if len(numbers):
            own = {name: numbers[:, 9 + i] for i, name in enumerate(self._table)}
            times = np.ascontiguousarray(numbers[:, 0]).view("datetime64[ns]")
            bid, ask = numbers[:, 1:5], numbers[:, 5:9]
            self._put(times, bid, ask, own)

    def _recent(self) -> Recent:
        shown = slice(max(0, self.length - RANGES - 1), self.length)
        return Recent(self._times[shown], (self._bid[shown] + self._ask[shown]) / 2)

    def _read(self, table: pd.DataFrame, what: str) -> Bars:
        bars = given_bars(table, what, self._experiment, self.side, self._unit, self._columns)
        self._unit = bars.unit
        return bars

    def _refuse_old(self, bars: Bars) -> None:
        time = bars.times[0]
        at = int(np.searchsorted(self.times, time))
        if self.times[at] != time:
            raise RefusedError(
                "out_of_order",
                f"opens before the last bar ({stamp(self.times[-1])}) and was not fed in its turn: it is not "
                "used, decisions since then were taken without it",
                time,
            )
        same = (self._bid[at] == bars.bid[0]).all() and (self._ask[at] == bars.ask[0]).all()
        if same:
            raise RefusedError("repeated", "was fed already: it is not used again", time, "warning")
        words = "was fed already with other prices: the first ones stay"
        raise RefusedError("revised", words, time)

    def _gap(self, last: np.datetime64, time: np.datetime64) -> list[Message]:
        step = self.step
        if step is None or time == last + step:
            return []
        if time < last + step:
            short = duration(time - last)
            words = f"opens {short} after the last one, bars are of {duration(step)}"
            return [message("warning", "short_step", time, words)]
        if time - last > LONGEST_PAUSE:
            words = f"opens {duration(time - last)} after the last one: it is taken as the next bar"
            return [message("warning", "missing", time, words)]
        missing = missing_bars(last, time, step)
        if not len(missing):
            return []
        words = (
            f"{len(missing):,} bars of {duration(step)} are missing before it (from {stamp(missing[0])}): it "
            "is taken as the next bar, as a backtest of these bars would"
        )
        return [message("warning", "missing", time, words, missing=len(missing))]

    def _extend(self, bars: Bars) -> None:
        own = {
            name: np.asarray(pd.to_numeric(bars.table[name], errors="coerce"), float)
            for name in self._table
        }
        self._put(bars.times, bars.bid, bars.ask, own)

    def _put(
        self, times: np.ndarray, bid: np.ndarray, ask: np.ndarray, own: Mapping[str, np.ndarray]
    ) -> None:
        begin, self.length = self.length, self.length + len(times)
        self._times = put(self._times, begin, times)
        self._bid, self._ask = put(self._bid, begin, bid), put(self._ask, begin, ask)
        self._table = {name: put(column, begin, own[name]) for name, column in self._table.items()}
        self._mids.extend((bid + ask) / 2)
        steps = np.diff(self._times[max(begin - 1, 0) : self.length]).astype(np.int64)
        for step, count in zip(*np.unique(steps, return_counts=True), strict=True):
            self._steps[int(step)] += int(count)
