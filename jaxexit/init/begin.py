"""From two files to an experiment: everything that is looked at and asked, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxexit.config.clocks import TIMEFRAMES
from jaxexit.config.text import shown
from jaxexit.data import Dataset, load_dataset
from jaxexit.data.bars import Bars, find_gaps
from jaxexit.errors import DataError, UserError
from jaxexit.init import costs, listed, market, sizes
from jaxexit.init.draft import Draft
from jaxexit.init.sizes import USUAL_HORIZON
from jaxexit.init.symbols import is_bars, is_list, settle_symbol

USUAL_RISK = (
    0.001  # of the entry price: the first stop that v1's and v2's fractions were made for, 10 pips
)
_ALIKE = 3.0  # times that risk, either way: the fractions are kept


@dataclass(frozen=True)
class Begun:
    """What was found."""

    draft: Draft
    dataset: Dataset
    trades: int  # in all splits
    name: str  # of the market and its bars, e.g. audusd_m15
    risk: float  # usual distance of the first stop in training, fraction of the entry price

    @property
    def scale(self) -> float:
        """What fractions of the price are multiplied by; 1 where this market moves like the usual one."""
        ratio = self.risk / USUAL_RISK
        return 1.0 if 1 / _ALIKE <= ratio <= _ALIKE else ratio

    def fraction(self, usual: float) -> float:
        """What a fraction of the price that suits the usual market is in this one."""
        return usual if self.scale == 1.0 else round_to(usual * self.scale)


def explore(draft: Draft) -> Begun:
    """Look at both files, ask what they do not say, and load them as a run would.

    Raises:
        DataError: one line, for what no run accepts; files in the wrong order are named.
    """
    _check_there(draft)
    looked = _bars(draft)
    if settle_symbol(draft, looked.market):
        looked = market.read(draft)
    looked = market.look(draft, looked)
    trades = _trades(draft, looked)
    bars = costs.complete(draft, looked, trades.entries)
    sizes.settle(draft, trades, bars)
    dataset = load_dataset(draft.experiment())
    counts = {name: len(table) for name, table in dataset.tables.items()}
    draft.tell("split", ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    train = dataset.tables["train"]
    distance = (train["entry_price"] - train["stop"]).abs() / train["entry_price"]
    risk = float(np.median(distance.to_numpy(float)))
    begun = Begun(draft, dataset, sum(counts.values()), _name(draft, looked, bars), risk)
    _scale(draft, begun)
    return begun


def _check_there(draft: Draft) -> None:
    parts = draft.bars.split(",")
    both = len(parts) == 2 and not Path(draft.bars).exists()
    names = [] if draft.bars == "sample" else parts if both else [draft.bars]
    for what, name in (*(("bars", name) for name in names), ("trades", draft.trades)):
        if not Path(name).exists():
            raise DataError(f"{name}: no such file of {what}; check the path")
        if not Path(name).is_file():
            raise DataError(f"{name}: is no file of {what} but a folder; name the file")


def _bars(draft: Draft) -> market.Looked:
    """The bars; two files in the wrong order are told."""
    try:
        return market.read(draft)
    except DataError:
        first, second = Path(draft.bars), Path(draft.trades)
        if not first.is_file() or not is_list(first):
            raise
        if is_bars(second):
            raise DataError(
                f"{first} is a list of trades and {second} holds the bars: bars come first, jaxexit init "
                f"{second} {first}"
            ) from None
        raise DataError(
            f"{first} is a list of trades, not bars: give a file of bars first, jaxexit init BARS {first}"
        ) from None


def _trades(draft: Draft, looked: market.Looked) -> listed.Listed:
    try:
        return listed.read(draft, looked)
    except DataError:
        path = Path(draft.trades)
        if is_list(path) or not is_bars(path):
            raise
        raise DataError(
            f"{path} holds bars, not trades: give the list of your trades second, with entry_time and "
            "direction (long, short)"
        ) from None


def _name(draft: Draft, looked: market.Looked, bars: Bars) -> str:
    """A name for the experiment: the market's and its bars', else the list's."""
    minutes = float(find_gaps(bars.times).step / np.timedelta64(1, "m"))
    frame = next((name for name, length in TIMEFRAMES.items() if length == minutes), "")
    symbol = looked.market.symbol.split(":")[0]
    text = f"{symbol} {frame}" if symbol else Path(draft.trades).name.split(".")[0]
    return _underscored(text) or "mine"


def version_part(text: str) -> str:
    """A name as it may stand in a version's after v1_: lower-case letters, digits and underscores.

    Raises:
        UserError: there is neither a letter nor a digit in it.
    """
    words = _underscored(text)
    if not words:
        raise UserError(f"--name: got {shown(text)}, expected letters and digits, e.g. my_trades")
    return words


def _underscored(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _scale(draft: Draft, begun: Begun) -> None:
    """What v1's guards and rewards take for granted, a first stop of 10 pips and 200 bars, made to fit."""
    horizon = draft.experiment().env.max_bars
    if horizon != USUAL_HORIZON:
        draft.set(
            "reward.time_sigmoid_center",
            horizon / 2,
            "time's centre",
            "half of the horizon, as in v1_baseline: from there on waiting costs",
        )
    if begun.scale == 1.0:
        return
    why = (
        f"scaled: the first stop is usually {100 * begun.risk:.2g}% of the entry, not "
        f"{100 * USUAL_RISK:g}%"
    )
    draft.set("guards.min_profit_for_partial", begun.fraction(0.001), "guard of PARTIAL", why)
    draft.set("reward.reward_scale", round_to(100.0 / begun.scale), "reward scale", why)


def round_to(value: float, digits: int = 2) -> float:
    """A number with so many significant digits."""
    return float(f"{value:.{digits}g}")
