"""Sections `data` and `costs`: which bars and entries, how they are split, and what trading costs."""

from __future__ import annotations

import datetime
import hashlib
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from jaxexit.config.kinds import (
    Amount,
    Bars,
    Clock,
    Expense,
    FilePath,
    Fraction,
    NonNegative,
    NonNegativeBars,
    Positive,
    Real,
    RecipeName,
    Section,
    Timeframe,
)
from jaxexit.config.text import shown
from jaxexit.limits import instant


def _place(name: str, start: float | str) -> float | datetime.datetime:
    """Where a split begins: a fraction, or an instant (UTC where the date names no zone)."""
    if isinstance(start, str):
        try:
            return instant(start)
        except ValueError as error:
            raise ValueError(f"{name}: got {shown(start)}, expected {error}") from None
    if not 0 < start < 1:
        raise ValueError(f"{name}: got {start}, expected a fraction above 0 and below 1")
    return start


def _with_text_keys(codes: Any) -> Any:
    """YAML reads 0 and 1 as numbers, and yes as true."""
    return {str(code): side for code, side in codes.items()} if isinstance(codes, dict) else codes


class Split(Section):
    """Where the chronological splits begin; each trade belongs to the split of its entry bar."""

    validation_start: float | str = Field(
        default=0.70,
        description="fraction of the bars in (0, 1), or ISO date (UTC), where validation begins",
    )
    test_start: float | str = Field(
        default=0.85,
        description="fraction of the bars in (0, 1), or ISO date (UTC), where test begins",
    )
    embargo_bars: NonNegativeBars = Field(
        default=0, description="bars after a boundary in which no trade may enter"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Split:
        starts = {name: getattr(self, name) for name in ("validation_start", "test_start")}
        places = {name: _place(name, start) for name, start in starts.items()}
        first, second = places.values()
        # A date and a fraction can only be compared where the bars are known: at load.
        if type(first) is type(second) and not first < second:  # type: ignore[operator]
            validation, test = starts.values()
            raise ValueError(
                f"validation_start: got {validation}, expected a start before test_start ({test})"
            )
        return self


class Data(Section):
    """Which bars, and which entries."""

    bars: FilePath = Field(
        default="sample",
        description="'sample', or a file of bars or ticks, relative to the working directory; 'BID,ASK': two "
        "files, one a side",
    )
    detail: FilePath | None = Field(
        default=None,
        description="file of finer bars of the same market, or of ticks, in whose order a bar meets stop and "
        "target; null: both in one bar is the stop",
    )
    price_side: Literal["auto", "bid", "ask", "mid"] = Field(
        default="auto",
        description="which side one-sided OHLC columns are; auto: as the file or its format says",
    )
    entries: Literal["trades", "ema_bb", "every_bar"] = Field(
        default="every_bar",
        description="where entries come from: a file, the built-in strategy, each bar",
    )
    trades: FilePath | None = Field(
        default=None, description="path of the trades file, for entries: trades"
    )
    filled_at: Literal["bar_close", "bar_open"] = Field(
        default="bar_close",
        description="where in the bar of its entry time a trade of the file was filled (backtesting.py and "
        "freqtrade: bar_open)",
    )
    symbol: str | None = Field(
        default=None, description="whose trades are taken, of a list with several symbols"
    )
    columns: dict[str, str] = Field(
        default={},
        description="names of ours and the file's columns that they are, where those are not recognised: "
        "{entry_time: Opening time, direction: Side}; for bars and trades",
    )
    stamps: Literal["auto", "open", "close"] = Field(
        default="auto",
        description="which end of its bar a stamp of the bar file is; close: moved to the open; auto: as the "
        "file's format says, else the open",
    )
    direction_codes: Annotated[
        dict[str, Literal["long", "short"]], BeforeValidator(_with_text_keys)
    ] = Field(
        default={},
        description="what a list's codes mean where its format is not recognised: {0: long, 1: short}",
    )
    stops: Literal["file", "ignore"] = Field(
        default="file",
        description="whether a list's stops and targets are those at the entry; ignore: they are not used, "
        "env.initial_stop_atr sets the stop",
    )
    align: Literal["exact", "enclosing"] = Field(
        default="exact",
        description="whether entry times are opens of bars, or any time inside the bar that is used",
    )
    allow_partial: bool = Field(
        default=False, description="continue although more than 5% of a list cannot be used"
    )
    every: Bars = Field(
        default=1, description="bars from one entry to the next, for entries: every_bar"
    )
    warmup: NonNegativeBars = Field(
        default=300, description="bars of indicator history before the first entry"
    )
    timeframe: Timeframe | None = Field(
        default=None,
        description="length of bars, e.g. M15 or H1, made of the file's shorter ones or ticks; null: as they "
        "are, ticks to M1",
    )
    timezone: Clock = Field(
        default="auto",
        description="clock of stamps that carry no offset: IANA zone, UTC+3, America/New_York+7; auto: "
        "the file format's own, else UTC",
    )
    trades_timezone: Clock | None = Field(
        default=None, description="the same for the trades' file; null: as timezone"
    )
    unit: Literal["auto", "pip", "tick", "point", "percent", "bps", "R"] = Field(
        default="auto",
        description="what results are counted in; auto: pips of currency pairs, ticks of futures, points of "
        "indices and metals, percent of the entry of stocks, crypto and what is not recognised",
    )
    pip: Positive | None = Field(
        default=None,
        description="price units in a pip; null: 0.01 of yen pairs and median prices of 20 to 500, else "
        "0.0001",
    )
    tick_size: Positive | None = Field(
        default=None,
        description="price units in a tick, or in a point; null: of a tick the largest step that all prices "
        "are multiples of, of a point their last digit",
    )
    calendar: str = Field(
        default="auto",
        description="days on which the market trades: auto, fx, 24x7, or an exchange's code like XNYS; "
        "auto: fx for currency pairs and metals, 24x7 for crypto, else the days that have bars",
    )
    recipe: RecipeName | None = Field(
        default=None,
        description="a Python file beside the experiment's: columns(bars) makes columns for env.features, "
        "entries(bars) makes the entries of a list again; run only with --allow-recipe",
    )
    split: Split = Field(default=Split(), description="the chronological splits")

    @model_validator(mode="after")
    def _entries_have_their_source(self) -> Data:
        if self.entries == "trades" and self.trades is None:
            raise ValueError("trades: got null, expected a path with entries 'trades'")
        if self.entries != "trades" and self.trades is not None:
            raise ValueError(f"entries: got '{self.entries}', expected 'trades' with a trades file")
        if self.entries != "trades" and self.filled_at != "bar_close":
            raise ValueError(
                f"filled_at: got '{self.filled_at}', expected 'bar_close' with entries "
                f"'{self.entries}'"
            )
        return self


class Recipe(Section):
    """The program that `data.recipe` names, as it was when the experiment was loaded."""

    name: str = Field(description="of its file")
    sha256: str = Field(description="of its text")
    source: str = Field(description="its text")

    @model_validator(mode="after")
    def _is_the_text_of_its_hash(self) -> Recipe:
        if hashlib.sha256(self.source.encode()).hexdigest() != self.sha256:
            raise ValueError(f"recipe: the text of {self.name} was changed after it was frozen")
        return self


class Costs(Section):
    """What trading costs. The spread of the bars themselves always counts.

    An amount is a number in the unit of results (basis points where those are percent, basis points or R), or
    says its own: "2 bps", "1.5 pips", "0.1 price".
    """

    spread: Expense | None = Field(
        default=None,
        description="amount, used only where the bars carry no spread; null: 1 pip of a currency pair, other "
        "markets must say it",
    )
    spread_pips: NonNegative | None = Field(default=None, description="the same in pips")
    commission: Fraction = Field(
        default=0.0, description="fraction of notional, per side (as taker, where there are two)"
    )
    commission_maker: Fraction | None = Field(
        default=None,
        description="fraction of notional of an exit by a resting limit; null: commission",
    )
    commission_per_lot: NonNegative = Field(
        default=0.0,
        description="money per lot, contract or share, per side, added; needs point_value",
    )
    commission_minimum: NonNegative = Field(
        default=0.0, description="money that each order costs at least; needs point_value"
    )
    point_value: Positive | None = Field(
        default=None,
        description="money that a lot, contract or share earns when the price rises by 1 (100000 of a lot of "
        "currency, 50 of an ES contract, 1 of a share); results then are shown in money too",
    )
    lots: Positive = Field(default=1.0, description="lots, contracts or shares in each trade")
    slippage: Expense | None = Field(
        default=None,
        description="amount lost by each EXIT, PARTIAL, stop and close at the horizon; none by entries and "
        "targets",
    )
    slippage_pips: NonNegative = Field(default=0.0, description="the same in pips")
    swap_long: Amount | None = Field(
        default=None,
        description="amount charged to a long per rollover (17:00 New York); negative: credited",
    )
    swap_short: Amount | None = Field(default=None, description="the same to a short")
    swap_long_pips: Real = Field(default=0.0, description="swap_long in pips")
    swap_short_pips: Real = Field(default=0.0, description="swap_short in pips")
    funding: Real | str = Field(
        default=0.0,
        description="of a perpetual: fraction of notional that a long pays to a short at 0, 8 and 16 h "
        "UTC, or the column of the bars that holds it",
    )
    borrow: Fraction = Field(
        default=0.0,
        description="fraction of notional that a short pays a year to borrow what it sold",
    )

    @model_validator(mode="after")
    def _said_once(self) -> Costs:
        for name in ("spread", "slippage", "swap_long", "swap_short"):
            if getattr(self, name) is not None and getattr(self, f"{name}_pips"):
                raise ValueError(f"{name}: got {name}_pips as well, expected one of the two")
        return self

    @model_validator(mode="after")
    def _money_has_a_size(self) -> Costs:
        for name in ("commission_per_lot", "commission_minimum"):
            if getattr(self, name) and self.point_value is None:
                raise ValueError(
                    f"point_value: got null, expected with {name} the money that a lot, contract or "
                    "share earns when the price rises by 1"
                )
        return self
